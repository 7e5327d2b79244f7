/* Whole programs: how long one takes to start and print a tensor, and the memory that the lesson's two need. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs a program with what it prints thrown away; false unless it ends with 0. Its peak memory is the state's. */
static bool run(bench_state *s, char *const argv[])
{
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    int status = 1;
    struct rusage usage = {0};
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return false;
    s->peak_rss = (double)usage.ru_maxrss * 1024;
    return status == 0;
}

/* build/examples/NAME, beside the folder that this program is in. */
static char *example(const char *name)
{
    static char path[4096];
    const char *slash = strrchr(bench_program, '/');
    int folder = slash ? (int)(slash - bench_program) : 1;
    snprintf(path, sizeof path, "%.*s/../examples/%s", folder, slash ? bench_program : ".", name);
    return path;
}

static bool program_ran;

static void print_one(bench_state *s)
{
    program_ran = run(s, (char *[]){(char *)bench_program, "--print-one", NULL});
}

static void xor_program(bench_state *s)
{
    program_ran = run(s, (char *[]){example("xor"), NULL});
}

static void mlp_program(bench_state *s)
{
    program_ran = run(s, (char *[]){example("fashion"), "--data", (char *)bench_data, "--model", "mlp", "--epochs", "1",
                                    "--steps", "200", NULL});
}

static bool check(bench_state *s)
{
    return bench_near(s, "that the program ran (is it built?)", program_ran, 1, 0);
}

const bench_case bench_program_cases[] = {
    {"import_time", "a process that prints one tensor", .step = print_one, .check = check},
    {"program_xor", "examples/xor", .step = xor_program, .check = check},
    {"program_mlp", "examples/fashion --model mlp, 200 steps and the test images", .step = mlp_program, .check = check},
    {0},
};
