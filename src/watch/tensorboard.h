/* Floor 8. The file of scalars that TensorBoard reads, events.out.tfevents.*: records of TFRecord's form, each a protobuf
 * message Event, both written by hand, as the few fields that a scalar needs never changed. */
#ifndef FACULA_TENSORBOARD_H
#define FACULA_TENSORBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fac__events {
    int fd;
    char *path;
    uint8_t *buffer; /* what is not written yet */
    size_t used;
    double written; /* when it last was, fac__wall_seconds */
    bool failed;    /* there was an error, which has been reported; nothing more is written */
} fac__events;

/* All report errors. `folder` is the run's. */
bool fac__events_create(fac__events *e, const char *folder, double time);
/* Goes into the buffer, which is written when it is full or the last time was a second ago. name: at most 100 bytes. */
bool fac__events_value(fac__events *e, const char *name, size_t bytes, int64_t step, double value, double time);
bool fac__events_flush(fac__events *e, double time);
bool fac__events_close(fac__events *e);

/* CRC-32C (Castagnoli's polynomial) as TFRecord has it: rotated and moved, so that a checksum of data that holds checksums is
 * none of its own. */
uint32_t fac__masked_crc32c(const void *data, size_t n);
/* One step of it without the processor's help, from and to the inverted checksum; a test compares. */
uint32_t fac__crc32c_portable(uint32_t crc, const void *data, size_t n);

#endif
