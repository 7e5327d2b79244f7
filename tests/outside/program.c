/* A program outside of facula's tree, as C11: it is built against the installed library, and returns 0 if that works. */
#include <facula/facula.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    fac_set_error_handler(NULL);
    if (strcmp(fac_version(), "0.1.0") != 0) return puts("another version's library"), 1;
    fac_item(NULL); int line = __LINE__;
    if (!fac_error() || fac_error_line() != line || strcmp(fac_error_file(), __FILE__) != 0)
        return printf("the error is said to be of %s:%d, not of line %d\n", fac_error_file(), fac_error_line(), line), 1;
    fac_clear_error();
    return 0;
}
