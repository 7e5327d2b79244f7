/* What the page is told, each a line of JSON for free(); NULL, with an error of facula's, when memory runs out. Numbers that are not
 * finite are null. */
#ifndef PLAY_JSON_H
#define PLAY_JSON_H

#include "play_train.h"

/* What the playing is like, beside the training itself. */
typedef struct play_stand {
    bool playing;
    double rate;      /* epochs a second, measured; NAN: not yet */
    unsigned version; /* of the state, counted by whoever asks for states */
    char message[300];
} play_stand;

/* {"state": text, "version", "playing", "message"} */
char *play_json_state(const play_training *t, const play_stand *stand);
/* {"window": [left, right, bottom, top], "train": [[x, y, label], …], "test": [the same], "own": how many of the last of train} */
char *play_json_points(const play_training *t);
/* {"epoch", "rate", "playing", "diverged", "score": {"loss": [train, test], "accuracy": [train, test]}, "cells": a side of the maps, "layers": for each layer
 * of weights {"weights": [to by to], "biases", "maps": [{"least", "most", "dead", "cells": base64}…], absent for the output}, "surface": base64 of uint16,
 * "lines": [[epoch, of, loss]…], "predictions": printed, or null where there are more than 8 points} */
char *play_json_look(play_training *t, const play_stand *stand);
/* {"epochs": […], "loss": [[train…], [test…]], "accuracy": [the same]} */
char *play_json_curve(const play_training *t);

#endif
