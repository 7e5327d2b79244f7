/* Floor 8. Numbers and buttons that are changed from outside while the loop runs. What comes from outside is checked here: it
 * may be anything. */
#include "watch/steering.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/raise.h"
#include "watch/names.h"
#include "watch/run.h"

/* ---- the file ------------------------------------------------------------------------------------------------ */

bool fac__steering_create(fac__steering *s, const char *path)
{
    *s = (fac__steering){0};
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int reason = fd < 0 ? errno : posix_fallocate(fd, 0, sizeof(fac__control));
    void *memory = MAP_FAILED;
    if (!reason) {
        memory = mmap(NULL, sizeof(fac__control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED) reason = errno;
    }
    if (fd >= 0) close(fd);
    if (reason) return fac__io_error("%s: cannot be written: %s", path, strerror(reason)), false;
    s->control = memory;
    s->control->size = sizeof(fac__control);
    __atomic_store_n(&s->control->magic, FAC__CONTROL_MAGIC, __ATOMIC_RELEASE);
    return true;
}

void fac__steering_close(fac__steering *s)
{
    if (s->control) munmap(s->control, sizeof(fac__control));
    s->control = NULL;
}

/* ---- knobs --------------------------------------------------------------------------------------------------- */

/* The next knob, of this name, or NULL after an error. It is there for others when it is counted. */
static fac__knob *new_knob(fac__steering *s, const char *name)
{
    FAC__NEED(name);
    if (!fac__label_ok(name, FAC__CONTROL_NAME - 1))
        return fac__value_error("a control's name is 1 to %d bytes of UTF-8 without control characters",
                                FAC__CONTROL_NAME - 1);
    for (int i = 0; i < s->count; i++)
        if (!strcmp(s->control->knob[i].name, name)) return fac__value_error("there is a control '%s' already", name);
    if (s->count == FAC__CONTROLS)
        return fac__value_error("'%s' would be one control more than the %d that a run may have", name, FAC__CONTROLS);
    fac__knob *knob = &s->control->knob[s->count];
    strcpy(knob->name, name);
    return knob;
}

static void count_knob(fac__steering *s)
{
    s->count++;
    fac__steering_show(s);
    atomic_store(&s->control->knobs, (uint32_t)s->count);
}

static bool new_number(fac__steering *s, const char *name, double least, double most)
{
    if (!isfinite(least) || !isfinite(most) || least > most)
        return fac__value_error("'%s' goes from a finite number to one no smaller, not from %g to %g", name, least,
                                most),
               false;
    fac__knob *knob = new_knob(s, name);
    if (!knob) return false;
    s->knob[s->count].least = knob->least = least; /* the file's may be changed by others */
    s->knob[s->count].most = knob->most = most;
    return true;
}

bool fac_run_number(fac_run *run, const char *name, double *value, double least, double most)
{
    FAC__OP("run_number");
    if (!run) return true;
    FAC__NEED_OR(value, false);
    fac__steering *s = &run->steering;
    if (!new_number(s, name, least, most)) return false;
    s->knob[s->count].value = value;
    return count_knob(s), true;
}

bool fac_run_optimizer(fac_run *run, fac_optimizer *optimizer)
{
    FAC__OP("run_optimizer");
    if (!run) return true;
    FAC__NEED_OR(optimizer, false);
    fac__steering *s = &run->steering;
    if (!new_number(s, "learning rate", 0, fmax(1, 100 * fac_lr(optimizer)))) return false;
    s->knob[s->count].optimizer = optimizer;
    return count_knob(s), true;
}

bool fac_run_button(fac_run *run, const char *name, bool *pressed)
{
    FAC__OP("run_button");
    if (!run) return true;
    FAC__NEED_OR(pressed, false);
    fac__steering *s = &run->steering;
    fac__knob *knob = new_knob(s, name);
    if (!knob) return false;
    knob->is_button = 1;
    s->knob[s->count].pressed = pressed;
    return count_knob(s), true;
}

/* Groups with other learning rates keep their share of the first one's. */
static void set_learning_rate(fac_optimizer *optimizer, double lr)
{
    double before = fac_lr(optimizer);
    for (int g = fac_param_group_count(optimizer) - 1; g >= 0; g--) {
        double share = g && before > 0 ? fac_group_option(optimizer, g, "lr") / before : 1;
        fac_set_group_option(optimizer, g, "lr", share * lr);
    }
}

void fac__steering_take(fac__steering *s)
{
    for (int i = 0; i < s->count; i++) {
        fac__knob *knob = &s->control->knob[i];
        uint32_t asked = atomic_load(&knob->asked);
        if (asked == s->knob[i].seen) continue;
        s->knob[i].seen = asked;
        double wanted = atomic_load(&knob->wanted), clamped = fmin(fmax(wanted, s->knob[i].least), s->knob[i].most);
        if (s->knob[i].pressed)
            *s->knob[i].pressed = true;
        else if (s->knob[i].value && !isnan(wanted))
            *s->knob[i].value = clamped;
        else if (s->knob[i].optimizer && !isnan(wanted))
            set_learning_rate(s->knob[i].optimizer, clamped);
        fac__steering_show(s);
        atomic_store(&knob->taken, asked);
    }
}

void fac__steering_show(fac__steering *s)
{
    for (int i = 0; i < s->count; i++) {
        double value = s->knob[i].value ? *s->knob[i].value : s->knob[i].pressed ? 0 : fac_lr(s->knob[i].optimizer);
        fac__poke(s->control->knob[i].value, value);
    }
}
