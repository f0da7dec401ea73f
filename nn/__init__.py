from nn.modules import MLP
