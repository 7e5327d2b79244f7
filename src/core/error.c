/* Floor 0. The pending error of each thread. Must not allocate: it reports failed allocations too. */
#include "raise.h"

#include <stdio.h>
#include <string.h>

__thread fac__site fac__where __attribute__((tls_model("initial-exec")));

static fac_error_handler handler = fac_default_error_handler;

void fac_default_error_handler(fac_error_code code, const char *op, const char *message, const char *file, int line)
{
    static const char *const names[] = {"Warning",      "ValueError",  "TypeError", "IndexError",
                                        "RuntimeError", "MemoryError", "IOError"};
    if ((unsigned)code > FAC_ERROR_IO) code = FAC_ERROR_RUNTIME;
    if (file) fprintf(stderr, "%s:%d: ", file, line);
    fprintf(stderr, "facula: %s: %s%s%s\n", names[code], op ? op : "", op ? ": " : "", message ? message : "");
}

fac_error_handler fac_set_error_handler(fac_error_handler h)
{
    fac_error_handler old = handler;
    handler = h;
    return old;
}

/* Behind the message's end, so that the operation may have a name of any life. A long message is cut for it. */
static const char *keep_op(fac__thread *self)
{
    if (!self->op) return NULL;
    size_t n = strlen(self->message), op = strnlen(self->op, 200), room = sizeof self->message - 2;
    if (n + op > room) n = room - op;
    self->message[n] = 0;
    memcpy(self->message + n + 1, self->op, op);
    self->message[n + 1 + op] = 0;
    return self->message + n + 1;
}

void *fac_raise(fac_error_code code, const char *format, ...)
{
    fac__thread *self = fac__self();
    if (self->error) return NULL;
    self->error = code == FAC_OK ? FAC_ERROR_RUNTIME : code;
    self->error_site = fac__where;
    va_list args;
    va_start(args, format);
    vsnprintf(self->message, sizeof self->message, format, args);
    va_end(args);
    self->error_op = keep_op(self);
    if (handler) handler(self->error, self->error_op, self->message, self->error_site.file, self->error_site.line);
    return NULL;
}

void fac__warn(const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (handler) handler(FAC_OK, fac__self()->op, message, fac__where.file, fac__where.line);
}

void *fac__memory_error(size_t bytes)
{
    return fac_raise(FAC_ERROR_MEMORY, "not enough memory: you tried to allocate %zu bytes", bytes);
}

void *fac__null_error(const char *argument)
{
    return fac_raise(FAC_ERROR_TYPE, "argument '%s' must not be NULL", argument);
}

const char *fac_error(void)
{
    fac__thread *self = fac__self();
    return self->error ? self->message : NULL;
}

fac_error_code fac_get_error_code(void)
{
    return fac__self()->error;
}

const char *fac_error_op(void)
{
    fac__thread *self = fac__self();
    return self->error ? self->error_op : NULL;
}

const char *fac_error_file(void)
{
    fac__thread *self = fac__self();
    return self->error ? self->error_site.file : NULL;
}

int fac_error_line(void)
{
    fac__thread *self = fac__self();
    return self->error ? self->error_site.line : 0;
}

void fac_clear_error(void)
{
    fac__self()->error = FAC_OK;
}

const char *fac__shape_text(int n, const int64_t *shape)
{
    char *text = fac__next_text(), *p = text;
    *p++ = '[';
    for (int i = 0; i < n && i < FAC_MAX_DIMS; i++)
        p += sprintf(p, i ? ", %lld" : "%lld", (long long)shape[i]);
    strcpy(p, "]");
    return text;
}
