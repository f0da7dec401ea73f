// micrograd's demo by hand: loss and gradient of a perceptron 2-16-16-1 with relu, the mean hinge loss over a batch and
// a penalty on the squared parameters. What the compiler's code is measured beside.
//
// A register holds LANES neurons of a layer. As many examples go through the network side by side, so that every weight
// that is loaded meets all of them. Backward they go at once, while their activations are at hand; the gradient of the
// second layer's weights, the largest part, is summed over a whole panel of examples in registers.
//
// The parameters are those of nn.MLP, in its order: for each neuron its weights, then its bias.

#if defined(__AVX512F__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

enum { HIDDEN = 16, VECTORS = HIDDEN / LANES, PAIRS = VECTORS / 2, PANEL = 104 };
enum { FIRST_ROW = 2 + 1, SECOND_ROW = HIDDEN + 1, PARAMETERS = HIDDEN * (FIRST_ROW + SECOND_ROW) + HIDDEN + 1 };

typedef double vec __attribute__((vector_size(LANES * sizeof(double))));
typedef double vec_anywhere __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")
#define ROLL _Pragma("GCC unroll 1")

INLINE vec load(const double *from) { return *(const vec_anywhere *)from; }
INLINE void store(double *to, vec v) { *(vec_anywhere *)to = v; }
INLINE vec all(double x) { return x - vec{}; }
INLINE vec relu(vec z) { return z > 0 ? z : vec{}; }
INLINE vec where_active(vec activation, vec v) { return activation > 0 ? v : vec{}; }

INLINE double total(vec v) {
    double sum = 0;
    for (int k = 0; k < LANES; k++) sum += v[k];
    return sum;
}

// The totals of LANES vectors, one per lane.
#if defined(__AVX512F__)
INLINE vec totals(const vec *v) {
    vec pairs[4], fours[2];
    UNROLL for (int k = 0; k < 4; k++)
        pairs[k] = __builtin_shufflevector(v[2 * k], v[2 * k + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
                   __builtin_shufflevector(v[2 * k], v[2 * k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    UNROLL for (int k = 0; k < 2; k++)
        fours[k] = __builtin_shufflevector(pairs[2 * k], pairs[2 * k + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
                   __builtin_shufflevector(pairs[2 * k], pairs[2 * k + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(fours[0], fours[1], 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(fours[0], fours[1], 4, 5, 6, 7, 12, 13, 14, 15);
}
#else
INLINE vec totals(const vec *v) {
    vec low = __builtin_shufflevector(v[0], v[1], 0, 4, 2, 6) + __builtin_shufflevector(v[0], v[1], 1, 5, 3, 7);
    vec high = __builtin_shufflevector(v[2], v[3], 0, 4, 2, 6) + __builtin_shufflevector(v[2], v[3], 1, 5, 3, 7);
    return __builtin_shufflevector(low, high, 0, 1, 4, 5) + __builtin_shufflevector(low, high, 2, 3, 6, 7);
}
#endif

// sums[e] += sum_k scalars[e][k] * rows[k], for LANES examples e and two registers of each row.
INLINE void multiply(vec (*sums)[2], const double (*scalars)[HIDDEN], const double (*rows)[HIDDEN], int column) {
    ROLL for (int k = 0; k < HIDDEN; k++) {
        vec left = load(rows[k] + column), right = load(rows[k] + column + LANES);
        UNROLL for (int e = 0; e < LANES; e++) {
            vec scalar = all(scalars[e][k]);
            sums[e][0] += scalar * left;
            sums[e][1] += scalar * right;
        }
    }
}

// Returns the loss; the gradient of parameter k goes to gradient[k]. X has a row of two numbers for each example, y a
// class of -1 or 1.
extern "C" double demo_kernel(const double *parameters, const double *X, const double *y, long examples,
                              double penalty, double *gradient) {
    alignas(64) double first[FIRST_ROW][HIDDEN], second_transposed[HIDDEN + 1][HIDDEN], second[HIDDEN][HIDDEN];
    alignas(64) double hidden[PANEL][HIDDEN], delta[PANEL][HIDDEN], classes[PANEL];
    alignas(64) double second_gradient[HIDDEN][HIDDEN] = {};
    const double *second_at = parameters + HIDDEN * FIRST_ROW, *third_at = second_at + HIDDEN * SECOND_ROW;

    for (int i = 0; i < HIDDEN; i++)
        for (int j = 0; j < FIRST_ROW; j++) first[j][i] = parameters[FIRST_ROW * i + j];
    for (int j = 0; j < SECOND_ROW; j++)
        for (int i = 0; i < HIDDEN; i++) second_transposed[j][i] = second_at[SECOND_ROW * i + j];
    for (int i = 0; i < HIDDEN; i++)
        for (int j = 0; j < HIDDEN; j += LANES) store(second[i] + j, load(second_at + SECOND_ROW * i + j));
    vec third[VECTORS];
    for (int k = 0; k < VECTORS; k++) third[k] = load(third_at + k * LANES);

    vec first_gradient[FIRST_ROW][VECTORS] = {}, second_bias_gradient[VECTORS] = {}, third_gradient[VECTORS] = {};
    vec third_bias_gradient{}, loss{};
    const double share = 1.0 / examples;

    for (long start = 0; start < examples; start += PANEL) {
        const long used = examples - start < PANEL ? examples - start : PANEL;
        const long padded = (used + LANES - 1) / LANES * LANES;
        for (long e = 0; e < padded; e++) classes[e] = e < used ? y[start + e] : 0.0;  // class 0: costs nothing

        for (long block = 0; block < padded; block += LANES) {
            double (*a1)[HIDDEN] = hidden + block, (*d2)[HIDDEN] = delta + block;
            double x[LANES][2];
            for (int e = 0; e < LANES; e++)
                for (int j = 0; j < 2; j++) x[e][j] = block + e < used ? X[2 * (start + block + e) + j] : 0.0;

            for (int k = 0; k < VECTORS; k++) {
                vec w0 = load(first[0] + k * LANES), w1 = load(first[1] + k * LANES), b = load(first[2] + k * LANES);
                UNROLL for (int e = 0; e < LANES; e++)
                    store(a1[e] + k * LANES, relu(b + all(x[e][0]) * w0 + all(x[e][1]) * w1));
            }

            vec a2[PAIRS][LANES][2], parts[LANES] = {};
            for (int pair = 0; pair < PAIRS; pair++) {
                const int column = 2 * pair * LANES;
                vec left = load(second_transposed[HIDDEN] + column);
                vec right = load(second_transposed[HIDDEN] + column + LANES);
                UNROLL for (int e = 0; e < LANES; e++) a2[pair][e][0] = left, a2[pair][e][1] = right;
                multiply(a2[pair], a1, second_transposed, column);
                UNROLL for (int e = 0; e < LANES; e++) {
                    a2[pair][e][0] = relu(a2[pair][e][0]);
                    a2[pair][e][1] = relu(a2[pair][e][1]);
                    parts[e] += a2[pair][e][0] * third[2 * pair] + a2[pair][e][1] * third[2 * pair + 1];
                }
            }

            vec class_ = load(classes + block), margin = 1 - class_ * (totals(parts) + third_at[HIDDEN]);
            margin = class_ != 0 ? margin : vec{};
            loss += relu(margin);
            vec slope = where_active(margin, -class_ * share);
            third_bias_gradient += slope;

            for (int pair = 0; pair < PAIRS; pair++)
                UNROLL for (int e = 0; e < LANES; e++)
                    for (int half = 0; half < 2; half++) {
                        const int k = 2 * pair + half;
                        vec upstream = all(slope[e]), d = where_active(a2[pair][e][half], upstream * third[k]);
                        third_gradient[k] += upstream * a2[pair][e][half];
                        second_bias_gradient[k] += d;
                        store(d2[e] + k * LANES, d);
                    }

            for (int pair = 0; pair < PAIRS; pair++) {
                const int column = 2 * pair * LANES;
                vec upstream[LANES][2] = {};
                multiply(upstream, d2, second, column);
                UNROLL for (int e = 0; e < LANES; e++)
                    for (int half = 0; half < 2; half++) {
                        const int k = 2 * pair + half;
                        vec d = where_active(load(a1[e] + k * LANES), upstream[e][half]);
                        first_gradient[0][k] += all(x[e][0]) * d;
                        first_gradient[1][k] += all(x[e][1]) * d;
                        first_gradient[2][k] += d;
                    }
            }
        }

        for (int row = 0; row < HIDDEN; row += LANES)
            for (int column = 0; column < HIDDEN; column += 2 * LANES) {
                vec sums[LANES][2];
                UNROLL for (int i = 0; i < LANES; i++) {
                    sums[i][0] = load(second_gradient[row + i] + column);
                    sums[i][1] = load(second_gradient[row + i] + column + LANES);
                }
                ROLL for (long e = 0; e < padded; e++) {
                    vec left = load(hidden[e] + column), right = load(hidden[e] + column + LANES);
                    UNROLL for (int i = 0; i < LANES; i++) {
                        vec d = all(delta[e][row + i]);
                        sums[i][0] += d * left;
                        sums[i][1] += d * right;
                    }
                }
                UNROLL for (int i = 0; i < LANES; i++) {
                    store(second_gradient[row + i] + column, sums[i][0]);
                    store(second_gradient[row + i] + column + LANES, sums[i][1]);
                }
            }
    }

    double *second_to = gradient + HIDDEN * FIRST_ROW, *third_to = second_to + HIDDEN * SECOND_ROW;
    for (int i = 0; i < HIDDEN; i++) {
        for (int j = 0; j < FIRST_ROW; j++) gradient[FIRST_ROW * i + j] = first_gradient[j][i / LANES][i % LANES];
        for (int j = 0; j < HIDDEN; j += LANES) store(second_to + SECOND_ROW * i + j, load(second_gradient[i] + j));
        second_to[SECOND_ROW * i + HIDDEN] = second_bias_gradient[i / LANES][i % LANES];
    }
    for (int k = 0; k < VECTORS; k++) store(third_to + k * LANES, third_gradient[k]);
    third_to[HIDDEN] = total(third_bias_gradient);

    vec squares{};
    int k = 0;
    for (; k + LANES <= PARAMETERS; k += LANES) {
        vec p = load(parameters + k);
        squares += p * p;
        store(gradient + k, load(gradient + k) + 2 * penalty * p);
    }
    double rest = 0;
    for (; k < PARAMETERS; k++) {
        rest += parameters[k] * parameters[k];
        gradient[k] += 2 * penalty * parameters[k];
    }
    return total(loss) * share + penalty * (total(squares) + rest);
}
