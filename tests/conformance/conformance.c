/* Runs recorded PyTorch cases against facula: conformance [OPTION…] PATH…; see --help. */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case_run.h"

static struct options {
    const char *op, *name, *tiers;
    FILE *json_file;
    int tier;
    bool verbose;
    char *paths[4096];
    int n_paths;
} options;

typedef struct row {
    char op[96];
    int tier, passed, failed, skipped;
} row;

static row rows[4096];
static int n_rows;
static struct progress *shared;

/* ---- tiers -------------------------------------------------------------------------------------------------- */

static struct {
    int tier;
    char op[96];
} tiers[2048];
static int n_tiers;

static bool read_tiers(const char *path)
{
    FILE *in = fopen(path, "r");
    if (!in) return fprintf(stderr, "%s: cannot be opened\n", path), false;
    while (n_tiers < 2048 && fscanf(in, "%d %95s", &tiers[n_tiers].tier, tiers[n_tiers].op) == 2)
        n_tiers++;
    fclose(in);
    return true;
}

static int tier_of(const char *op)
{
    for (int i = 0; i < n_tiers; i++)
        if (!strcmp(tiers[i].op, op)) return tiers[i].tier;
    return 0;
}

/* ---- one file ----------------------------------------------------------------------------------------------- */

/* What a child process that runs a file shares with its parent, which counts what the child did not live to count. */
typedef struct progress {
    row r;
    bool chosen; /* by --op and --tier */
    size_t next; /* the case to run next */
    char name[128];
} progress;

static const char *const words[] = {[CASE_PASSED] = "pass", [CASE_FAILED] = "fail", [CASE_SKIPPED] = "skip"};

static void count(row *r, case_result result)
{
    *(result == CASE_PASSED ? &r->passed : result == CASE_FAILED ? &r->failed : &r->skipped) += 1;
}

static void report(const char *op, const char *name, case_result r, const char *why)
{
    if (r == CASE_FAILED || (options.verbose && r == CASE_SKIPPED))
        printf("%s %s: %s\n", r == CASE_FAILED ? "FAIL" : "skip", name, why);
    else if (options.verbose)
        printf("ok   %s\n", name);
    if (options.json_file) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "case", name, "op", op, "result", words[r], "why", why);
        json_dumpf(line, options.json_file, JSON_COMPACT);
        fputc('\n', options.json_file);
        json_decref(line);
    }
    fflush(NULL);
}

static void run_file(const char *path, progress *p)
{
    enum { SECONDS_A_CASE = 120 };
    case_file f;
    if (!case_file_open(path, &f)) {
        p->chosen = true;
        count(&p->r, CASE_FAILED);
        report(path, path, CASE_FAILED, "the file cannot be read");
        case_file_close(&f);
        return;
    }
    snprintf(p->r.op, sizeof p->r.op, "%s", f.op);
    p->r.tier = tier_of(f.op);
    p->chosen = (!options.op || !strcmp(options.op, f.op)) && (!options.tier || p->r.tier == options.tier);
    for (size_t n = p->chosen ? json_array_size(f.cases) : 0; p->next < n;) {
        json_t *c = json_array_get(f.cases, p->next++);
        const char *name = json_string_value(json_object_get(c, "name"));
        char why[1200];
        if (!name) name = "a case without a name";
        if (options.name && strcmp(name, options.name)) continue;
        snprintf(p->name, sizeof p->name, "%s", name);
        alarm(SECONDS_A_CASE);
        case_result r = case_run(&f, c, why, sizeof why);
        alarm(0);
        *p->name = 0;
        count(&p->r, r);
        report(f.op, name, r, why);
    }
    case_file_close(&f);
}

/* In a process of its own, so that a crash costs one case and is counted; the rest of the file runs in another. False if
 * there can be no process. */
static bool run_apart(const char *path)
{
    *shared = (progress){.chosen = false};
    snprintf(shared->r.op, sizeof shared->r.op, "%s", path);
    for (bool over = false; !over;) {
        *shared->name = 0;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            fac_set_error_handler(NULL);
            run_file(path, shared);
            fflush(NULL);
            _exit(0);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) < 0) return perror("conformance"), false;
        over = !*shared->name; /* whatever ends outside of a case has no other to go on with */
        if (over && !status) break;
        char why[64];
        snprintf(why, sizeof why, WIFSIGNALED(status) ? "stopped by signal %d (%s)" : "ended with status %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "");
        shared->chosen = true;
        count(&shared->r, CASE_FAILED);
        report(shared->r.op, over ? path : shared->name, CASE_FAILED, why);
    }
    if (!shared->chosen) return true;
    if (n_rows == (int)(sizeof rows / sizeof *rows)) return fprintf(stderr, "conformance: too many files\n"), false;
    rows[n_rows++] = shared->r;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st)) return fprintf(stderr, "%s: no such file or folder\n", path), false;
    if (!S_ISDIR(st.st_mode)) return run_apart(path);
    DIR *d = opendir(path);
    if (!d) return perror(path), false;
    char *names[4096];
    int n = 0;
    for (struct dirent *e; (e = readdir(d)) && n < 4096;) {
        size_t len = strlen(e->d_name);
        if (len < 12 || strcmp(e->d_name + len - 12, ".safetensors")) continue;
        names[n] = malloc(strlen(path) + len + 2);
        sprintf(names[n++], "%s/%s", path, e->d_name);
    }
    closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = ok && run_apart(names[i]);
        free(names[i]);
    }
    return ok;
}

/* ---- arguments and the table --------------------------------------------------------------------------------- */

static const struct argp_option option_list[] = {
    {"op", 'o', "NAME", 0, "only this operation", 0},
    {"case", 'c', "NAME", 0, "only this case", 0},
    {"tier", 't', "N", 0, "only operations of this tier (needs --tiers)", 0},
    {"tiers", 'T', "FILE", 0, "lines of tier and operation", 0},
    {"captured", 'p', NULL, 0, "capture each call and check its replay; what cannot be captured is skipped", 0},
    {"json", 'j', "FILE", 0, "write a JSON line a case", 0},
    {"verbose", 'v', NULL, 0, "show passed and skipped cases too", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'o': options.op = arg; break;
    case 'c': options.name = arg; break;
    case 't': options.tier = atoi(arg); break;
    case 'T': options.tiers = arg; break;
    case 'j':
        options.json_file = fopen(arg, "w");
        if (!options.json_file) argp_failure(state, 2, errno, "%s", arg);
        break;
    case 'p': case_captured = true; break;
    case 'v': options.verbose = true; break;
    case ARGP_KEY_ARG:
        if (options.n_paths == 4096) argp_error(state, "too many paths");
        options.paths[options.n_paths++] = arg;
        break;
    case ARGP_KEY_NO_ARGS: argp_usage(state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        option_list, parse, "PATH...", "Runs recorded PyTorch cases (files or folders) against facula.",
        NULL,        NULL,  NULL};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    if (options.tiers && !read_tiers(options.tiers)) return 2;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return perror("conformance"), 2;
    for (int i = 0; i < options.n_paths; i++)
        if (!run_path(options.paths[i])) return 2;
    int passed = 0, failed = 0, skipped = 0, by_tier[4][3] = {{0}};
    printf("\n%-48s %4s %7s %7s %7s\n", "op", "tier", "passed", "failed", "skipped");
    for (int i = 0; i < n_rows; i++) {
        row *r = &rows[i];
        printf("%-48s %4d %7d %7d %7d\n", r->op, r->tier, r->passed, r->failed, r->skipped);
        passed += r->passed;
        failed += r->failed;
        skipped += r->skipped;
        int t = r->tier >= 0 && r->tier < 4 ? r->tier : 0;
        by_tier[t][0] += r->passed;
        by_tier[t][1] += r->failed;
        by_tier[t][2] += r->skipped;
    }
    for (int t = 1; t < 4 && n_tiers; t++)
        printf("tier %d: %d passed, %d failed, %d skipped\n", t, by_tier[t][0], by_tier[t][1], by_tier[t][2]);
    for (int i = 0; i < n_rows; i++)
        if (rows[i].skipped) printf("facula has no %s: %d skipped\n", rows[i].op, rows[i].skipped);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    if (passed + failed + skipped == 0) return fprintf(stderr, "no case fits what was asked for\n"), 2;
    return failed ? 1 : 0;
}
