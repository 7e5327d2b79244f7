/* Floor 5. print(module), as torch.nn.Module.__repr__ lays it out: a lone line of extra text goes between the
 * parentheses, everything else on lines of its own, two columns further in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/module_impl.h"

/* Text that may have several lines, those after the first moved in by `indent`. */
static void put_lines(FILE *out, const char *text, int indent)
{
    for (; *text; text++) {
        fputc(*text, out);
        if (*text == '\n') fprintf(out, "%*s", indent, "");
    }
}

static bool put_module(FILE *out, const fac_module *m, int indent)
{
    char some[256] = "", *extra = some;
    int length = m->type->extra_repr ? m->type->extra_repr(m, some, sizeof some) : 0;
    if (length >= (int)sizeof some) {
        extra = fac__alloc((size_t)length + 1);
        if (!extra) return false;
        m->type->extra_repr(m, extra, (size_t)length + 1);
    }
    bool children = false;
    for (int i = 0; i < m->count; i++)
        children |= m->members[i].child != NULL;
    bool lines = children || strchr(extra, '\n');
    fprintf(out, "%s(", m->type->name);
    if (lines && *extra) fprintf(out, "\n%*s", indent + 2, "");
    put_lines(out, extra, indent + 2);
    if (extra != some) fac__free(extra);
    for (int i = 0; i < m->count; i++) {
        if (!m->members[i].child) continue;
        fprintf(out, "\n%*s(%s): ", indent + 2, "", m->members[i].name);
        if (!put_module(out, m->members[i].child, indent + 2)) return false;
    }
    if (lines) fprintf(out, "\n%*s", indent, "");
    fputc(')', out);
    return true;
}

char *fac_module_to_string(const void *module)
{
    FAC__NEED(module);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return fac__memory_error(0);
    bool good = put_module(out, module, 0), whole = !ferror(out);
    if (!fclose(out) && whole && good && text) return text; /* glibc's fclose is content without memory */
    free(text);
    return good ? fac__memory_error(size) : NULL;
}

void fac_module_print(const void *module)
{
    FAC__OP("module_print");
    if (fac__recording_now()) {
        fac__recording_refuse("print");
        return;
    }
    if (module) put_module(stdout, module, 0);
    fputs(module ? "\n" : "None\n", stdout);
}
