/* The room in which the training goes on: a thread that owns it, and does what is asked of it between two epochs. What there is to see
 * lies ready as text, so that who looks never holds up the training. All functions may be called from any thread. */
#ifndef PLAY_ROOM_H
#define PLAY_ROOM_H

#include "play_json.h"

typedef struct play_room play_room;

/* The training begins with the lesson's state, paused. NULL after an error. */
play_room *play_room_open(void);
void play_room_close(play_room *room);

typedef struct play_request {
    enum { PLAY_ASK_STATE, PLAY_ASK_PLAY, PLAY_ASK_PAUSE, PLAY_ASK_STEP, PLAY_ASK_RESET, PLAY_ASK_WEIGHT } what;
    const play_state *state; /* copied */
    int layer, to, from;     /* of a weight, as in play_set_weight */
    double value;
    unsigned version; /* of the state; set by play_room_ask */
} play_request;
/* False when too much is waiting already, or memory runs out. */
bool play_room_ask(play_room *room, play_request *request);

/* What there is to see, play_json.h's four texts. */
typedef enum play_topic {
    PLAY_TOPIC_STATE,
    PLAY_TOPIC_POINTS,
    PLAY_TOPIC_LOOK,
    PLAY_TOPIC_CURVE,
    PLAY_TOPICS
} play_topic;
/* The newest text, for free(), if it is another than *version says, which is brought up to date; else NULL. */
char *play_room_text(play_room *room, play_topic topic, unsigned *version);

/* A copy of what happened since the training began. */
void play_room_story(play_room *room, play_story *story);

/* Whether anybody looks: nothing is drawn when nobody does, and after a minute the training pauses. */
void play_room_watched(play_room *room, bool watched);

#endif
