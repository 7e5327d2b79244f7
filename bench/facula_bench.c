/* facula-bench: what facula takes for the cases of bench/cases_*.c, each checked and then timed in a process of its own. */
#include "bench.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/cpu/isa/isa.h"
#include "timing.h"

const char *bench_data = "/usr/share/datasets/fashion-mnist";
const char *bench_program;

static const bench_case *const tables[] = {bench_program_cases, bench_small_cases,     bench_training_cases,
                                           bench_product_cases, bench_pointwise_cases, bench_row_cases,
                                           bench_layer_cases,   bench_sequence_cases};
enum { TABLES = sizeof tables / sizeof *tables, MOST_SAMPLES = 3000 };

/* ---- options ------------------------------------------------------------------------------------------------ */

static struct {
    const char *cases;
    int threads;
    double budget;
    bool json, list, check;
} options = {.budget = 0.5};

enum { KEY_LIST = 1, KEY_CHECK, KEY_PRINT_ONE };

static const struct argp_option option_list[] = {
    {"case", 'c', "NAME[,NAME]", 0, "these cases; ~TEXT: all whose names contain the text (all)", 0},
    {"threads", 't', "N", 0, "threads to use (all cores)", 0},
    {"json", 'j', NULL, 0, "a JSON line a case", 0},
    {"list", KEY_LIST, NULL, 0, "only list the names of the cases", 0},
    {"check", KEY_CHECK, NULL, 0, "only check results, without timing", 0},
    {"budget", 'b', "SECONDS", 0, "how long to time a case (0.5)", 0},
    {"data", 'd', "DIR", 0, "folder of Fashion-MNIST (/usr/share/datasets/fashion-mnist, or $FACULA_DATA)", 0},
    {"print-one", KEY_PRINT_ONE, NULL, OPTION_HIDDEN, NULL, 0},
    {0},
};

static bool wanted(const char *name)
{
    if (!options.cases) return true;
    size_t length = strlen(name);
    for (const char *p = options.cases; *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");
        if (*p == '~') {
            char text[64];
            snprintf(text, sizeof text, "%.*s", (int)n - 1, p + 1);
            if (strstr(name, text)) return true;
        } else if (n == length && !strncmp(p, name, n))
            return true;
    }
    return false;
}

static bool known(const char *name, size_t n)
{
    for (int i = 0; i < TABLES; i++)
        for (const bench_case *c = tables[i]; c->name; c++)
            if (*name == '~' || (strlen(c->name) == n && !strncmp(c->name, name, n))) return true;
    return false;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    char *end;
    switch (key) {
    case 'c':
        options.cases = arg;
        for (const char *p = arg; *p; p += strcspn(p, ","), p += *p == ',')
            if (!known(p, strcspn(p, ",")))
                argp_error(state, "there is no case '%.*s'; --list names them", (int)strcspn(p, ","), p);
        break;
    case 't':
        options.threads = (int)strtol(arg, &end, 10);
        if (*end || options.threads < 1 || options.threads > 1024)
            argp_error(state, "'%s' is no number of threads", arg);
        break;
    case 'b':
        options.budget = strtod(arg, &end);
        if (*end || !(options.budget >= 0)) argp_error(state, "'%s' is no number of seconds", arg);
        break;
    case 'd': bench_data = arg; break;
    case 'j': options.json = true; break;
    case KEY_LIST: options.list = true; break;
    case KEY_CHECK: options.check = true; break;
    case KEY_PRINT_ONE: fac_print(fac_literal("[[1, 2], [3, 4.5]]")); exit(fac_error() ? 1 : 0);
    case ARGP_KEY_ARG: argp_error(state, "'%s' is not expected; cases go to --case", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- measuring ---------------------------------------------------------------------------------------------- */

typedef struct samples {
    double s[MOST_SAMPLES]; /* seconds of a unit, sorted */
    int n;
    double others; /* cores that other processes used meanwhile; -1: unknown */
} samples;

/* CPU seconds that the whole machine, and this process, have used; false where /proc does not tell. */
static bool cpu_seconds(double *machine, double *own)
{
    FILE *f = fopen("/proc/stat", "r");
    double user, nice, system, idle, wait, irq, soft;
    bool read = f &&
                fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait, &irq, &soft) == 7;
    if (f) fclose(f);
    if (read) *machine = (user + nice + system + irq + soft) / (double)sysconf(_SC_CLK_TCK);
    *own = 0;
    for (int i = 0; i < 2; i++) {
        struct rusage u;
        getrusage(i ? RUSAGE_CHILDREN : RUSAGE_SELF, &u);
        *own += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return read;
}

static double several(bench_state *s, int times)
{
    double start = now();
    for (int i = 0; i < times; i++)
        fac_scope
            s->c->step(s);
    return now() - start;
}

/* Samples until the budget is spent; a sample takes a tenth of a millisecond or more. */
static void measure(bench_state *s, samples *m)
{
    double scale = s->c->units > 0 ? 1 / s->c->units : 1, spent = 0;
    int per = 1;
    for (int warm = 0; warm < 3; warm++) {
        double took = several(s, per) / per;
        per = took > 1e-4 ? 1 : (int)(1e-4 / (took + 1e-9)) + 1;
        if (took > options.budget) break;
    }
    double machine = 0, own = 0, machine_after, own_after, start = now();
    bool told = cpu_seconds(&machine, &own);
    while (m->n < 5 || (m->n < MOST_SAMPLES && spent < options.budget)) {
        double took = several(s, per);
        spent += took;
        m->s[m->n++] = took / per * scale;
        if (m->n >= 3 && spent > 10 * options.budget + 1) break;
    }
    m->others = -1;
    if (told && cpu_seconds(&machine_after, &own_after))
        m->others = fmax(0, ((machine_after - machine) - (own_after - own)) / (now() - start));
    sort_times(m->s, m->n);
}

/* The most memory that this process had at a time, in bytes. */
static double peak_rss(void)
{
    char line[256];
    double kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lf kB", &kilobytes) == 1) break;
    if (f) fclose(f);
    struct rusage usage;
    if (kilobytes == 0 && getrusage(RUSAGE_SELF, &usage) == 0) kilobytes = (double)usage.ru_maxrss;
    return kilobytes * 1024;
}

/* ---- telling ------------------------------------------------------------------------------------------------ */

static const char *isa_name(void)
{
    static const char *const names[] = {"baseline", "avx2", "avx512"};
    return names[fac__cpu_isa()];
}

static const char *text_of(double seconds, char *text, size_t size)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}};
    int i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    snprintf(text, size, "%.3g %s", seconds / units[i].seconds, units[i].unit);
    return text;
}

static void tell(const bench_state *s, const samples *m)
{
    const bench_case *c = s->c;
    double median = m->s[m->n / 2], mean = 0, rss = s->peak_rss > 0 ? s->peak_rss : peak_rss();
    for (int i = 0; i < m->n; i++)
        mean += m->s[i] / m->n;
    if (options.json) {
        printf("{\"case\":\"%s\",\"seconds\":%.6g,\"min\":%.6g,\"p10\":%.6g,\"max\":%.6g,\"mean\":%.6g,\"reps\":%d,"
               "\"unit\":\"%s\",\"threads\":%d,\"isa\":\"%s\",\"facula\":\"%s\",",
               c->name, median, m->s[0], m->s[m->n / 10], m->s[m->n - 1], mean, m->n, c->unit, fac_get_num_threads(),
               isa_name(), fac_version());
        if (c->work > 0)
            printf("\"work\":%.17g,\"work_kind\":\"%s\",\"rate_G_per_s\":%.4g,\"best_G_per_s\":%.4g,", c->work, c->kind,
                   c->work / median * 1e-9, c->work / m->s[0] * 1e-9);
        printf("\"other_cpu\":%.3f,\"peak_rss_MB\":%.2f,\"checked\":true}\n", m->others, rss / 1e6);
        return;
    }
    char middle[32], least[32], most[32], rate[64] = "";
    if (c->work > 0)
        snprintf(rate, sizeof rate, "%.3g %s", c->work / median * 1e-9, strcmp(c->kind, FLOPS) ? "GB/s" : "GF/s");
    printf("%-30s%10s  %10s to %-10s %10s  peak %6.1f MB  %s\n", c->name, text_of(median, middle, sizeof middle),
           text_of(m->s[0], least, sizeof least), text_of(m->s[m->n - 1], most, sizeof most), rate, rss / 1e6, c->unit);
}

/* ---- a case ------------------------------------------------------------------------------------------------- */

static fac_dims dims_of(const int64_t *sizes)
{
    int n = 0;
    while (n < 5 && sizes[n])
        n++;
    return fac_dims_make(n, sizes);
}

/* Sets it up, checks one step and times others. The status of the process. */
static int run(const bench_case *c)
{
    bench_state s = {.c = c};
    static samples m;
    bool good = true;
    fac_manual_seed(1);
    for (int i = 0; i < 4 && c->in[i][0]; i++)
        s.t[i] = fac_randn(dims_of(c->in[i]));
    if (c->setup) c->setup(&s);
    for (int i = 0; i < c->leaves; i++)
        fac_requires_grad_(s.t[i], true);
    if (c->g[0] && c->leaves) s.g = fac_randn(dims_of(c->g));
    if (!fac_error())
        fac_scope {
            c->step(&s);
            good = !fac_error() && c->check(&s) && !fac_error();
        }
    if (!good || fac_error()) {
        if (options.json) printf("{\"case\":\"%s\",\"error\":\"its result is wrong\"}\n", c->name);
        fprintf(stderr, "%s: failed%s%s\n", c->name, fac_error() ? ": " : "", fac_error() ? fac_error() : "");
        return 1;
    }
    if (options.check)
        printf("%s: checked\n", c->name);
    else {
        measure(&s, &m);
        tell(&s, &m);
    }
    return fac_error() ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        option_list, parse,
        NULL,        "Measures facula: the median of many repeats of each case, whose result is checked first.",
        NULL,        NULL,
        NULL};
    bench_program = argv[0];
    if (getenv("FACULA_DATA")) bench_data = getenv("FACULA_DATA");
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    if (options.threads) fac_set_num_threads(options.threads);

    int failed = 0;
    for (int i = 0; i < TABLES; i++)
        for (const bench_case *c = tables[i]; c->name; c++) {
            if (!wanted(c->name)) continue;
            if (options.list) {
                puts(c->name);
                continue;
            }
            fflush(stdout);
            pid_t child = fork(); /* before facula starts a thread: the child can start its own */
            if (child == 0) {
                int status = run(c);
                fflush(stdout);
                _exit(status);
            }
            int status = 1;
            if (child < 0 || waitpid(child, &status, 0) != child || status != 0) failed++;
        }
    return failed ? 1 : 0;
}
