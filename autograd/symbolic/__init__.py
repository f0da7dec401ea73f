"""Rules and forward functions on symbols: numbers that are not known yet, whose operations are written down."""
