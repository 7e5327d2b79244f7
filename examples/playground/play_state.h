/* What the playground is set to: the data, the network, the training. As a text it is what stands behind the # of the page's
 * address and what the page sends:
 *
 *     set=circles&n=200&noise=0.1&test=20&sample=1&net=8,8&act=tanh&seed=0&loss=bce&opt=adam&lr=0.03&decay=0&batch=0&stop=0&speed=0
 *     &own=0.25,0.5,1;-1,0.5,0
 *
 * What is left out has its default. Texts come from outside: everything is checked, and the first fault is named. */
#ifndef PLAY_STATE_H
#define PLAY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAY_LAYERS = 6, PLAY_NEURONS = 16, PLAY_POINTS = 1000 };

/* In the order of their names in play_state.c. */
typedef enum play_set {
    PLAY_XOR,
    PLAY_CLOUD,
    PLAY_CIRCLES,
    PLAY_SPIRALS,
    PLAY_MOONS,
    PLAY_GAUSSIANS,
    PLAY_OWN
} play_set;
typedef enum play_activation { PLAY_RELU, PLAY_TANH, PLAY_SIGMOID, PLAY_LEAKY_RELU, PLAY_IDENTITY } play_activation;
typedef enum play_loss { PLAY_MSE, PLAY_BCE, PLAY_HINGE } play_loss;
typedef enum play_optimizer { PLAY_SGD, PLAY_MOMENTUM, PLAY_ADAM, PLAY_RMSPROP } play_optimizer;

typedef struct play_point {
    double x, y;
    int label; /* 0 or 1 */
} play_point;

typedef struct play_state {
    /* The data: `size` points drawn from a set with the seed `sample`, of which `test` per cent are kept for testing; and
     * points of one's own, to learn from. XOR is always its four points. */
    play_set set;
    int size, test;
    double noise;
    uint32_t sample;
    int own;
    play_point points[PLAY_POINTS];
    /* The network: 2 inputs, hidden layers, 1 output. */
    int layers, width[PLAY_LAYERS];
    play_activation activation;
    uint32_t seed;
    /* The training. */
    play_loss loss;
    play_optimizer optimizer;
    double lr, decay;
    int batch;     /* 0: all points at once */
    int64_t stop;  /* it pauses whenever so many epochs are over; 0: never */
    int64_t speed; /* epochs a second, at most; 0: as fast as it can */
} play_state;

extern const char *const play_sets[], *const play_activations[], *const play_losses[], *const play_optimizers[];

/* The lesson: XOR, 2-5-1 neurons, SGD. */
play_state play_state_default(void);

/* false, with the reason in why[size], when the text is no state; *state is then undefined. */
bool play_state_parse(play_state *state, const char *text, char *why, size_t size);

/* The text, complete and in the order above, for free(); NULL when memory runs out. */
char *play_state_print(const play_state *state);

/* The number as a text from which strtod gets the same number again; returns text. */
enum { PLAY_NUMBER = 32 };
const char *play_number(double x, char text[PLAY_NUMBER]);

/* How many of the drawn points are learnt from, own ones left aside, and how many only tested with. */
int play_drawn(const play_state *state);
int play_tested(const play_state *state);

#endif
