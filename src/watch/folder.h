/* Floor 8. What lies in the folder of a run. The training writes it, whoever shows it reads it; there is no other way between
 * the two, so that a run shows the same from the program that trains, from another, and when it has ended.
 *
 *   run.json         {"format": 1, "name", "started": seconds since 1970, "steps": 0 or how many, "notes": {key: text}, "ended":
 *                    seconds, or absent, "outcome": "finished" | "stopped"}      whole, by fac__file_create
 *   points           fac__point after fac__point, in shared memory of the file, which is longer than they are: the rest is zero
 *   layers.jsonl     a line for each look at the module                          appended
 *   model.json       the module's tree, and its layers in the order of their calls  whole
 *   evaluation.json  of the last evaluation: matrix of confusions, worst mistakes  whole
 *   control          a fac__control, in shared memory: what steers the loop, and what the loop answers
 *   events.out.tfevents.…   TensorBoard's
 *
 * Readers never map a file (one that gets shorter would be a SIGBUS) but use pread, and believe nothing: any of it may be damaged, or hostile. The
 * training holds flock(LOCK_EX) on `points` while it runs; so a run whose lock can be had has ended, however. */
#ifndef FACULA_FOLDER_H
#define FACULA_FOLDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    FAC__RUN_NAME = 100,    /* bytes of a run's name, at most */
    FAC__CURVE_NAME = 100,  /* of a curve's */
    FAC__CURVES = 1000,     /* of a run */
    FAC__CONTROLS = 32,     /* numbers and buttons of a run */
    FAC__CONTROL_NAME = 48, /* bytes with the 0 */
    FAC__DRAWING = 64,      /* height and width of a drawing, at most */
    FAC__ANSWER = 1000,     /* classes of an answer, at most */
};

/* One of the records in `points`, 32 bytes. A name (kind FAC__NAME) comes before the first value of its curve: `bytes` of
 * it lie in the records that follow, padded with zeros to whole records. Little-endian, as all machines are that facula runs on. `kind` is written last. */
enum { FAC__END = 0, FAC__NAME = 1, FAC__VALUE = 2 };
typedef struct fac__point {
    uint32_t kind, curve; /* curves are numbered from 0 in the order of their names */
    union {
        struct {
            int64_t step;
            double value, time; /* seconds since 1970 */
        };
        struct {
            uint32_t bytes;
        };
    };
} fac__point;
_Static_assert(sizeof(fac__point) == 32, "the format of points");

/* What steers a run. Each field has one writer: (T) the training, (S) who serves; several may serve one run, and the last wins. Fields are single atomics, so that
 * no state of the other side can hold up or harm the training: it compares counters with those it saw last and
 * checks what it is told. */
#define FAC__CONTROL_MAGIC UINT64_C(0x316c74636c636166) /* "facclct1" in the file */
typedef struct fac__knob {
    char name[FAC__CONTROL_NAME];  /* T, before `knobs` counts it */
    uint32_t is_button, unused;    /* T */
    double least, most;            /* T */
    _Atomic double value;          /* T: as it is now */
    _Atomic double wanted;         /* S: then `asked` is counted up */
    _Atomic uint32_t asked, taken; /* S: how often somebody changed or pressed it; T: the last that was heeded */
} fac__knob;

typedef struct fac__drawing {
    uint32_t height, width;           /* T: 0 where no drawings are taken */
    _Atomic uint32_t asked, answered; /* S: counted up when `pixels` are there; T: the last that was answered */
    uint8_t pixels[FAC__DRAWING * FAC__DRAWING]; /* S: rows of `width` bytes */
    uint32_t classes;                            /* T */
    float answer[FAC__ANSWER];                   /* T: probabilities */
} fac__drawing;

typedef struct fac__control {
    uint64_t magic;
    uint32_t size;                /* of this struct, in bytes */
    _Atomic uint32_t knobs;       /* T: how many of the knobs there are */
    _Atomic int64_t step;         /* T: where the training is */
    _Atomic int64_t beat;         /* T: milliseconds since 1970 of the last fac_run_step */
    _Atomic uint32_t paused;      /* S: 1 while it is to wait */
    _Atomic uint32_t steps_asked; /* S: counted up for each single step while it waits */
    _Atomic uint32_t stop;        /* S: 1 to stop */
    _Atomic uint32_t waiting;     /* T: 1 while it waits */
    _Atomic int64_t looked;       /* S: milliseconds since 1970 when somebody last looked at the run */
    fac__knob knob[FAC__CONTROLS];
    fac__drawing drawing;
} fac__control;

/* "xor-2": whether this may be the name of a run, so that no name leaves the folder. */
bool fac__run_name_ok(const char *name);

#endif
