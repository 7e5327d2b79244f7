/* Loads the shared library while the program runs, as an interpreter does, and calls it: late LIBRARY. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *symbol = library ? dlsym(library, "fac_version") : NULL;
    if (!symbol) return fprintf(stderr, "%s\n", dlerror()), 1;
    return puts((*(const char *(**)(void))(void *)&symbol)()) < 0;
}
