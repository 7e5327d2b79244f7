/* Floor 9. Writes docs/ops.md, the page of all operations: ops_page ROOT > docs/ops.md, with the repository's root. */
#include "ops_page.h"

#include "ops/op.h"
#include "ops/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Overloads and in-place forms under one name. */
typedef struct op_page {
    char base[64];
    int family;
    const fac__op **rows;
    int count;
    facts facts;
} op_page;

static op_page *pages;
static int page_count;

static op_page *page_named(const char *base)
{
    for (int i = 0; i < page_count; i++)
        if (!strcmp(pages[i].base, base)) return &pages[i];
    return NULL;
}

static facts *facts_of(const char *base, void *context)
{
    (void)context;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
    op_page *p = page_named(name);
    size_t n = strlen(name);
    if (!p && n && name[n - 1] == '_') name[n - 1] = 0, p = page_named(name);
    return p ? &p->facts : NULL;
}

static void base_of(const fac__op *op, char *base, size_t room)
{
    fac__signature s;
    fac__parse_schema(op->schema, &s);
    snprintf(base, room, "%.*s", s.base_length, op->schema);
}

/* The name of what an in-place form is that of, in base; false if it is none of another's. */
static bool in_place(char *base)
{
    size_t n = strlen(base);
    if (n < 2 || base[n - 1] != '_' || base[n - 2] == '_') return false;
    base[n - 1] = 0;
    if (page_named(base)) return true;
    base[n - 1] = '_';
    return false;
}

static bool is_out(const fac__op *op)
{
    return strstr(op->schema, ".out(") != NULL;
}

/* Neither in place nor into a given tensor. */
static bool is_form(const op_page *p, const fac__op *op)
{
    size_t n = strlen(p->base);
    return !strncmp(op->schema, p->base, n) && (op->schema[n] == '(' || op->schema[n] == '.') && !is_out(op);
}

static void *checked(void *memory)
{
    if (!memory) perror("ops_page"), exit(1);
    return memory;
}

static void add_row(const fac__op *op, const char *base, int family)
{
    op_page *p = page_named(base);
    if (!p) {
        pages = checked(realloc(pages, (size_t)(page_count + 1) * sizeof *pages));
        p = &pages[page_count++];
        memset(p, 0, sizeof *p);
        snprintf(p->base, sizeof p->base, "%s", base);
        p->family = family;
    }
    p->rows = checked(realloc(p->rows, (size_t)(p->count + 1) * sizeof *p->rows));
    p->rows[p->count++] = op;
}

/* In-place forms come last, when it is known what they belong to. */
static void collect_rows(bool in_place_ones)
{
    for (int t = 0; fac__op_tables[t]; t++)
        for (const fac__op *op = fac__op_tables[t]; op->schema; op++) {
            char base[64];
            base_of(op, base, sizeof base);
            size_t n = strlen(base);
            bool in = n > 1 && base[n - 1] == '_' && base[n - 2] != '_';
            if (in != in_place_ones) continue;
            in_place(base);
            add_row(op, base, t);
        }
}

/* ---- words -------------------------------------------------------------------------------------------------- */

static bool is_kind(fac_dtype d, int kind)
{
    return kind == 0   ? fac_dtype_is_floating(d)
           : kind == 1 ? d != FAC_BOOL && !fac_dtype_is_floating(d)
                       : d == FAC_BOOL;
}

/* The name in the page's addresses: in small letters, numbered where that makes two the same (t and T). */
static void print_link(const op_page *p)
{
    int before = 0;
    for (const op_page *q = pages; q < p; q++)
        before += !strcasecmp(q->base, p->base);
    printf(" [%s](#", p->base);
    for (const char *s = p->base; *s; s++)
        putchar(tolower((unsigned char)*s));
    if (before) printf("-%d", before);
    printf(")");
}

/* Names the dtypes that have the outcome (or keep their own, where it is COUNT), whole kinds by one word. */
static int name_dtypes(const facts *f, fac_dtype outcome, char *text, size_t room)
{
    static const char *const kinds[] = {"floats", "integers", "bool"};
    int named = 0;
    size_t at = 0;
    text[0] = 0;
    for (int kind = 0; kind < 3; kind++) {
        int all = 0, these = 0;
        for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++) {
            if (!is_kind(d, kind)) continue;
            all++;
            these += f->gives[d] == (outcome == FAC_DTYPE_COUNT ? d : outcome);
        }
        named += these;
        if (these == all) at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "", kinds[kind]);
        for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT && these < all; d++)
            if (is_kind(d, kind) && f->gives[d] == (outcome == FAC_DTYPE_COUNT ? d : outcome))
                at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "", fac_dtype_name(d));
    }
    return named;
}

static void print_dtypes(const facts *f)
{
    enum { ALL = FAC_DTYPE_COUNT - 1 };
    char text[160];
    if (f->no_tensors) {
        if (f->gives[FAC_FLOAT32]) printf("Makes %s unless told otherwise. ", fac_dtype_name(f->gives[FAC_FLOAT32]));
        return;
    }
    /* one outcome for all that are taken, as of comparisons */
    for (fac_dtype to = FAC_BOOL; to < FAC_DTYPE_COUNT; to++)
        if (name_dtypes(f, to, text, sizeof text) == ALL) {
            printf("Every dtype gives %s. ", fac_dtype_name(to));
            return;
        }
    int kept = name_dtypes(f, FAC_DTYPE_COUNT, text, sizeof text), said = 0;
    if (kept == ALL) {
        printf("Every dtype, kept. ");
        return;
    }
    if (kept) printf("Keeps %s", text), said = kept;
    for (fac_dtype to = FAC_BOOL; to < FAC_DTYPE_COUNT; to++) {
        facts others = *f;
        for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++)
            if (others.gives[d] == d) others.gives[d] = FAC_DTYPE_NONE;
        int n = name_dtypes(&others, to, text, sizeof text);
        if (n) printf("%s%s give%s %s", said ? "; " : "Of ", text, n == 1 ? "s" : "", fac_dtype_name(to)), said += n;
    }
    if (!said) {
        if (!f->cases) printf("The page's calls do not fit it. ");
        return;
    }
    if (f->called && name_dtypes(f, FAC_DTYPE_NONE, text, sizeof text)) printf("; refuses %s", text);
    printf(". ");
}

static void print_facts(const op_page *p)
{
    const facts *f = &p->facts;
    char in[256] = "", base[64];
    bool out = false;
    for (int i = 0; i < p->count; i++) {
        base_of(p->rows[i], base, sizeof base);
        if (strcmp(base, p->base)) snprintf(in, sizeof in, "In place: `%s`. ", base);
        out = out || is_out(p->rows[i]);
    }
    printf("%s%s", in, out ? "Into a given tensor: `out=`. " : "");
    bool also = false;
    for (int i = 0; fac__aliases[i][0]; i++)
        if (!strcmp(fac__aliases[i][1], p->base)) {
            printf("%s`%s`", also ? ", " : "Also called ", fac__aliases[i][0]);
            also = true;
        }
    if (also) printf(". ");
    if (f->example[0]) printf("Shapes: %s. ", f->example);
    print_dtypes(f);
    if (f->gradient_again)
        printf("Differentiable, and so are its gradients. ");
    else if (f->gradient || f->gradients)
        printf("Differentiable. ");
    else if (!f->no_tensors && (f->asked || (f->called && !f->gives[FAC_FLOAT64])))
        printf("Not differentiable. ");
    if (!f->cases) {
        printf("No recorded cases.\n");
        return;
    }
    printf("%d recorded case%s in %s", f->cases, f->cases == 1 ? "" : "s", f->files);
    if (f->gradients) printf(", %d with gradients", f->gradients);
    if (f->refusals) printf(", %d of refusals", f->refusals);
    printf(".\n");
}

static void print_page(const op_page *p)
{
    const char *doc = p->rows[0]->doc;
    size_t n = strlen(doc);
    printf("\n### `%s`\n\n%s%s\n\n", p->base, doc, strchr(".?!", doc[n - 1]) ? "" : ".");
    for (int i = 0; i < p->count; i++) {
        if (i && !is_form(p, p->rows[i])) continue;
        printf("- `%s`", p->rows[i]->schema);
        if (strcmp(doc, p->rows[i]->doc)) printf(": %s", p->rows[i]->doc);
        printf("\n");
    }
    printf("\n");
    print_facts(p);
}

/* The first sentence of the file's opening comment, without what stands in brackets. */
static void print_family(const char *root, const char *family)
{
    char path[1024], text[512] = "";
    snprintf(path, sizeof path, "%s/src/ops/%s.c", root, family);
    FILE *in = fopen(path, "r");
    if (!in) perror(path), exit(1);
    size_t n = fread(text, 1, sizeof text - 1, in), at = 0;
    fclose(in);
    text[n] = 0;
    const char *s = strstr(text, "Floor 4. ");
    if (!s) return;
    char line[512];
    for (s += strlen("Floor 4. "); *s && at < sizeof line - 1; s++) {
        if (*s == '\n') { /* " * " begins the next line of the comment */
            while (s[1] == ' ' || s[1] == '*')
                s++;
            line[at++] = ' ';
        } else if (s[0] == ' ' && s[1] == '(') {
            s = strchr(s, ')');
            if (!s) break;
        } else {
            line[at++] = *s;
            if (*s == '.' && (s[1] == ' ' || s[1] == '\n')) break;
        }
    }
    printf("%.*s\n", (int)at, line);
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: ops_page ROOT > docs/ops.md\n"), 2;
    char cases[1024];
    snprintf(cases, sizeof cases, "%s/tests/data/conformance", argv[1]);
    fac_set_error_handler(NULL);
    collect_rows(false);
    collect_rows(true);
    for (int i = 0; i < page_count; i++)
        for (int k = 0; k < pages[i].count; k++)
            if (!k || is_form(&pages[i], pages[i].rows[k])) ask_op(pages[i].rows[k]->schema, &pages[i].facts);
    if (!read_cases(cases, facts_of, NULL)) return 1;

    int covered = 0;
    for (int i = 0; i < page_count; i++)
        covered += pages[i].facts.cases > 0;
    printf("<!-- Written by tools/ops_page: build/tests/ops_page . > docs/ops.md -->\n"
           "\n"
           "# Operations\n"
           "\n"
           "All %d operations that `fac_call` knows by name, with PyTorch's schemas. Most are C functions of that "
           "name, too:\n"
           "`aten.add.Tensor` is `fac_add`; their manual is in `include/facula/ops_*.h`. Each entry says what the "
           "operation\n"
           "does, how it is called, an example of shapes, what it makes of dtypes, whether it can be differentiated, "
           "and which\n"
           "recorded cases of PyTorch (files of `tests/data/conformance`, which has some for %d of them) hold it to "
           "that.\n"
           "\n"
           "Dtypes and gradients are what calls with small tensors gave: \"keeps\" means that the result's dtype is "
           "that of the\n"
           "tensors which go in. Families are the files of `src/ops`:\n"
           "\n",
           page_count, covered);
    for (int t = 0; fac__op_families[t]; t++) {
        bool any = false;
        for (int i = 0; i < page_count; i++) {
            if (pages[i].family != t) continue;
            if (!any) printf("- [%s.c](#%sc):", fac__op_families[t], fac__op_families[t]);
            printf("%s", any ? "," : "");
            print_link(&pages[i]);
            any = true;
        }
        if (any) printf("\n");
    }
    for (int t = 0; fac__op_families[t]; t++) {
        bool any = false;
        for (int i = 0; i < page_count; i++) {
            if (pages[i].family != t) continue;
            if (!any) {
                printf("\n## %s.c\n\n", fac__op_families[t]);
                print_family(argv[1], fac__op_families[t]);
            }
            any = true;
            print_page(&pages[i]);
        }
    }
    return 0;
}
