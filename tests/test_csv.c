/* Tables in text: how fields are separated, what columns are taken for, what rows become, and everything that may be wrong. */
#define _GNU_SOURCE

#include "core/memory.h"
#include "data/csv_reader.h"
#include "data/csv_values.h"
#include "facula/facula.h"
#include "file_bytes.h"

static void write_text(const char *text)
{
    write_bytes("t.csv", text, strlen(text));
}

/* ---- records ------------------------------------------------------------------------------------------------ */

/* Fields in brackets, records on lines. */
static void check_records(const char *text, const char *wanted)
{
    static char got[4096];
    size_t n = 0;
    fac__csv_reader r;
    write_text(text);
    assert_true(fac__csv_open(&r, "t.csv"));
    int state;
    while ((state = fac__csv_next(&r)) > 0) {
        for (int i = 0; i < r.count; i++) {
            assert_int_equal(strlen(r.fields[i].text), r.fields[i].n);
            n += (size_t)snprintf(got + n, sizeof got - n, "[%s]", r.fields[i].text);
        }
        n += (size_t)snprintf(got + n, sizeof got - n, "\n");
    }
    if (state < 0) fail_msg("%s", fac_error());
    fac__csv_close(&r);
    got[n] = 0;
    assert_string_equal(got, wanted);
}

static void records(void **state)
{
    check_records("a,b,c\n1,2,3\n", "[a][b][c]\n[1][2][3]\n");
    check_records("a,b\r\n1,2", "[a][b]\n[1][2]\n");
    check_records("a,b\r1,2\r", "[a][b]\n[1][2]\n");
    check_records("\xef\xbb\xbf"
                  "a,b\n\n  \n1,\n,2\n",
                  "[a][b]\n[1][]\n[][2]\n");
    check_records("\"a\",\"b \"\"c\"\"\"\n\"1,\n2\" , 3 4 \n", "[a][b \"c\"]\n[1,\n2][3 4]\n");
    check_records("a;b,c\n1;2,5\n-,5;\"+1,25\"\n", "[a][b,c]\n[1][2.5]\n[-.5][+1.25]\n");
    check_records("a;b,\n1,2,3;x1,5\n5,;,\n", "[a][b,]\n[1,2,3][x1,5]\n[5,][,]\n");
    check_records("0,1;-0,2\n2,5;1,75\n", "[0.1][-0.2]\n[2.5][1.75]\n");
    check_records("1,2,a;b\n3,4,c;d\n", "[1][2][a;b]\n[3][4][c;d]\n");
    check_records("a\tb\n1,5\t2\n", "[a][b]\n[1,5][2]\n");
    check_records("a\tb c\n1\t2 3\n", "[a][b c]\n[1][2 3]\n");
    check_records("a|b\n1|2\n", "[a][b]\n[1][2]\n");
    check_records("a\n1\n", "[a]\n[1]\n");
    check_records("x,5\" pipe\n", "[x][5\" pipe]\n");
    check_records("\"a;b\",c\n\"d;e;f\",g\n", "[a;b][c]\n[d;e;f][g]\n");
    check_records("", "");
    /* fields and ends of lines across the borders of buffers */
    static char large[300000], wanted[8];
    for (size_t n = 65530; n < 65545; n++) {
        memset(large, 'x', n);
        strcpy(large + n, ",\"y\"\"\r\nz\"\r\n1,2\r\n");
        write_text(large);
        fac__csv_reader r;
        assert_true(fac__csv_open(&r, "t.csv"));
        assert_int_equal(r.separator, ',');
        assert_int_equal(fac__csv_next(&r), 1);
        assert_int_equal(r.fields[0].n, n);
        assert_string_equal(r.fields[1].text, "y\"\r\nz");
        assert_int_equal(fac__csv_next(&r), 1);
        assert_int_equal(r.fields[0].line, 3);
        snprintf(wanted, sizeof wanted, "%s%s", r.fields[0].text, r.fields[1].text);
        assert_string_equal(wanted, "12");
        assert_int_equal(fac__csv_next(&r), 0);
        fac__csv_close(&r);
    }
}

/* ---- columns ------------------------------------------------------------------------------------------------ */

static fac_csv *infer(const char *text, const char *target)
{
    write_text(text);
    fac_csv *csv = fac_csv_infer("t.csv", .target = target);
    if (!csv) fail_msg("%s", fac_error());
    return csv;
}

/* Names of the columns with a letter for what they are: n, t, c, those of the target as capitals, - for what is not used. */
static void check_columns(const char *text, const char *target, const char *wanted)
{
    char got[500] = "";
    fac_csv *csv = infer(text, target);
    for (int64_t i = 0; i < fac_csv_columns(csv); i++) {
        fac_csv_column c = fac_csv_column_at(csv, i);
        char letter = c.unused ? '-' : (c.target ? "-NTC" : "-ntc")[c.kind];
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s:%c", i ? " " : "", c.name, letter);
    }
    snprintf(got + strlen(got), sizeof got - strlen(got), " %s", fac_csv_classification(csv) ? "classes" : "number");
    for (int64_t i = 0; fac_csv_class(csv, i); i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), " %s", fac_csv_class(csv, i));
    fac_csv_free(csv);
    assert_string_equal(got, wanted);
}

static void columns(void **state)
{
    check_columns("a,b,c\n1,x,yes\n2.5,y,no\n", NULL, "a:n b:c c:T classes no yes");
    check_columns("1,x,0.5\n2,y,0.25\n", NULL, "column 1:n column 2:c column 3:N number");
    check_columns("1,x,0.5\n2,y,0.25\n", "2", "column 1:n column 2:C column 3:n classes x y");
    check_columns("a,b\nx,y\nz,y\ny,z\n", "a", "a:C b:c classes x y z");
    check_columns("a,b\n1,3\n2,4\n3,3\n", NULL, "a:n b:N classes 3 4");
    check_columns("a,b\n1,3\n2,4\n3,5\n", NULL, "a:n b:N number");
    check_columns("a,b\n1,1.5\n2,2.0\n1,2\n5,2.5\n", "b", "a:n b:N number");
    check_columns("a,b,y\n1,,1\n2,,0\n", NULL, "a:n b:- y:N classes 0 1");
    check_columns(",a,y\n0,1,1\n1,5,0\n", NULL, "column 1:- a:n y:N classes 0 1");
    check_columns("a,a,a\n1,2.5,3.5\n1,2.25,4.5\n", "a.1", "a:n a.1:N a.2:n number");
    check_columns("when,2019,size,y\nx,1,2,a\ny,3,4,b\n", NULL, "when:c 2019:n size:n y:C classes a b");
    check_columns("n,y\nNA,1\n?,0\n-1e-3,1\n+.5,\n", NULL, "n:n y:N classes 0 1");
    check_columns("n,y\ntrue,2.5\nFALSE,3.5\n", NULL, "n:t y:N number");
    check_columns("y,n\n10,1\n9,2\n10.0,3\n9,4\n", "y", "y:N n:n classes 9 10");
    check_columns("a,y\n1,\"x, y\"\n2,z\n", NULL, "a:n y:C classes x, y z");
    write_text("a,b,y\n1,2,0.5\n1,3,1.5\n1,3,2.5\n");
    fac_csv *csv = fac_csv_infer("t.csv", .task = FAC_CSV_CLASSES, .ignore = "b");
    assert_non_null(csv);
    assert_string_equal(fac_csv_column_at(csv, 1).unused, "it is to be left out");
    assert_string_equal(fac_csv_class(csv, 2), "2.5");
    assert_int_equal(fac_csv_inputs(csv), 1);
    fac_csv_free(csv);
    write_text("a,y\n1,0\n2,1\n");
    csv = fac_csv_infer("t.csv", .task = FAC_CSV_NUMBERS);
    assert_false(fac_csv_classification(csv));
    assert_int_equal(fac_csv_outputs(csv), 1);
    fac_csv_free(csv);
}

/* Too many texts are no categories, and the first that spoils a column of numbers is named. */
static void unused(void **state)
{
    FILE *f = fopen("t.csv", "w");
    fprintf(f, "id,spoilt,many,x,y\n");
    for (int i = 0; i < 300; i++)
        fprintf(f, "p%d,%d%s,t%d,%d,%d\n", i, i, i == 7 ? "x" : "", i % 101, i, i % 2);
    fclose(f);
    fac_csv *csv = fac_csv_infer("t.csv", .target = NULL);
    assert_non_null(csv);
    assert_string_equal(fac_csv_column_at(csv, 0).unused, "it has more than 100 different texts");
    assert_string_equal(fac_csv_column_at(csv, 1).unused, "'7x' in line 9 is no number");
    fac_csv_free(csv);
    expect_error(fac_csv_infer("t.csv", .ignore = "id,none"),
                 "t.csv: there is no column 'none'; there are id, spoilt, many, x, y");
}

/* So are a few that nearly each row has another of. */
static void nearly_names(void **state)
{
    for (int different = 10; different <= 12; different++) {
        FILE *f = fopen("t.csv", "w");
        fprintf(f, "name,x,y\n");
        for (int i = 0; i < 21; i++)
            fprintf(f, "n%d,%d,%d\n", i % different, i, i % 2);
        fclose(f);
        fac_csv *csv = fac_csv_infer("t.csv", .target = NULL);
        const char *unused = fac_csv_column_at(csv, 0).unused;
        if (different == 10)
            assert_null(unused);
        else
            assert_non_null(strstr(unused, different == 11 ? "11 different texts in 21 rows" : "12 different"));
        fac_csv_free(csv);
    }
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

static const char people[] = "age,sex,member,town,score\n"
                             "20,m,yes,Rom,1.5\n"
                             "40,f,no,Ulm,2.5\n"
                             ",f,yes,,3.5\n"
                             "30,m,,Rom,\n"
                             "60,f,no,Rom,4.5\n";

static void check_next(fac_csv_rows *r, const char *wanted)
{
    fac_tensor *x = fac_csv_rows_next(r, 1);
    check_values(x, wanted);
}

static void rows(void **state)
{
    fac_csv *csv = infer(people, NULL);
    fac_dataset *d = fac_csv_dataset(csv, "t.csv");
    assert_int_equal(fac_dataset_count(d), 4); /* the one without a score is left out */
    fac_scope {
        fac_tensor *out[2];
        assert_true(fac_dataset_batch(d, (int64_t[]){0, 1, 2, 3}, 4, out));
        check_values(out[1], "[[1.5], [2.5], [3.5], [4.5]]");
        /* age, its gap, f, m, member, its gap, Rom, Ulm */
        check_values(out[0], "[[20, 0, 0, 1, 1, 0, 1, 0], [40, 0, 1, 0, 0, 0, 0, 1], [nan, 1, 1, 0, 1, 0, 0, 0],"
                             " [60, 0, 1, 0, 0, 0, 1, 0]]");
        assert_true(fac_csv_standardise(csv, d));
        assert_true(fac_dataset_batch(d, (int64_t[]){0, 1, 2, 3}, 4, out));
        check_values(fac_narrow(out[0], 1, 0, 2), "[[-1.2247449, 0], [0, 0], [0, 1], [1.2247449, 0]]");
        check_values(fac_narrow(out[0], 1, 4, 2), "[[1, 0], [-1, 0], [1, 0], [-1, 0]]");
        /* the same from what was kept, by names, in another order and without a target */
        char *json = fac_csv_to_json(csv);
        fac_csv *again = fac_csv_from_json(json);
        char *second = fac_csv_to_json(again);
        assert_string_equal(json, second);
        free(json);
        free(second);
        write_text("town;member;age;other;sex\nRom;yes;20;7;m\nBonn;;;8;f\n");
        fac_csv_rows *r = fac_csv_rows_open(again, "t.csv");
        fac_tensor *x = fac_csv_rows_next(r, 10);
        check_values(fac_narrow(x, 0, 0, 1), "[[-1.2247449, 0, 0, 1, 1, 0, 1, 0]]");
        check_values(fac_narrow(x, 0, 1, 1), "[[0, 1, 1, 0, 0, 1, 0, 0]]");
        assert_null(fac_csv_rows_next(r, 10));
        assert_null(fac_error());
        fac_csv_rows_close(r);
        /* by places, with and without the target */
        write_text("40,f,no,Ulm\n");
        r = fac_csv_rows_open(again, "t.csv");
        check_next(r, "[[0, 0, 1, 0, -1, 0, 0, 1]]");
        fac_csv_rows_close(r);
        write_text("40,f,no,Ulm,\n40,f,no,Ulm,9\n");
        r = fac_csv_rows_open(again, "t.csv");
        check_next(r, "[[0, 0, 1, 0, -1, 0, 0, 1]]");
        check_next(r, "[[0, 0, 1, 0, -1, 0, 0, 1]]");
        assert_null(fac_csv_rows_next(r, 1));
        fac_csv_rows_close(r);
        write_text("age,sex\n1,m\n");
        expect_error(fac_csv_rows_open(again, "t.csv"), "t.csv: there is no column 'member'");
        write_text("1,2,3\n");
        expect_error(fac_csv_rows_open(again, "t.csv"),
                     "line 1, column 3: there are 3 columns, and the model's table had 5");
        write_text("age,sex,member,town\n1,m,no,Rom\n\nold,m,no,Rom\n");
        r = fac_csv_rows_open(again, "t.csv");
        expect_error(fac_csv_rows_next(r, 5), "t.csv: line 4, column 1: 'old' is no number, as column 'age' has them");
        fac_csv_rows_close(r);
        expect_error(fac_csv_dataset(again, "t.csv"), "there is no column 'score', which is to be predicted");
        fac_csv_free(again);
    }
    fac_dataset_free(d);
    fac_csv_free(csv);
}

static void classes(void **state)
{
    static const char *const tables[] = {"a,y\n1,b\n2,a\n3,b\n", "a,y\n1,2\n2,-1\n3,2.0\n",
                                         "a,y\n1,Yes\n2,no\n3,true\n"};
    static const char *const unknown[] = {"a,y\n1,c\n", "a,y\n1,3\n", "a,y\n1,maybe\n"};
    for (int i = 0; i < 3; i++)
        fac_scope {
            fac_csv *csv = infer(tables[i], NULL);
            fac_dataset *d = fac_csv_dataset(csv, "t.csv");
            fac_tensor *out[2];
            assert_true(fac_dataset_batch(d, (int64_t[]){0, 1, 2}, 3, out));
            check_values(out[1], "[1, 0, 1]");
            assert_int_equal(fac_dataset_classes(d), 2);
            assert_string_equal(fac_dataset_class(d, 1), fac_csv_class(csv, 1));
            write_text(unknown[i]);
            expect_error(fac_csv_dataset(csv, "t.csv"), "is none of the classes of column 'y'");
            fac_dataset_free(d);
            fac_csv_free(csv);
        }
}

/* ---- what is wrong ------------------------------------------------------------------------------------------ */

static void refused(void **state)
{
#define REFUSED(text, words, ...)                                                                                      \
    do {                                                                                                               \
        write_bytes("t.csv", text, sizeof text - 1);                                                                   \
        expect_error(fac_csv_infer("t.csv", __VA_ARGS__), words);                                                      \
    } while (0)
    REFUSED("", "t.csv: there is nothing in it", .target = NULL);
    REFUSED("a,b\n", "there are names of columns, and no rows", .target = NULL);
    REFUSED("a,b\n1,2\n3\n", "line 3, column 1: the record ends here, with 1 field, and the first, in line 1, has 2",
            .target = NULL);
    REFUSED("a,b\n1,2\n3,4,5\n", "line 3, column 3: the record ends here, with 3 fields", .target = NULL);
    REFUSED("a,b\n1,2\n3,\"4\n5\n", "line 3, column 2: the quote that opens here is never closed", .target = NULL);
    REFUSED("a,b\n1,2\n3,\"4\" 5\n", "line 3, column 2: text behind the closing quote", .target = NULL);
    REFUSED("a,b\n1,2\n3,x\0y\n", "line 3, column 2: a zero byte", .target = NULL);
    REFUSED("\xff\xfe"
            "a\0",
            "a text in UTF-16; save it in UTF-8", .target = NULL);
    REFUSED("a,b\xff\n1,2\n", "line 1, column 2: the column's name is no UTF-8", .target = NULL);
    REFUSED("a,b\n1,x\xff\n2,y\n", "column 'b' has a text that is no UTF-8", .target = NULL);
    REFUSED("a,b\n1,2\n3,2\n", "column 'b' is to be predicted, and it is always the same", .target = NULL);
    REFUSED("a,b\n1,\n3,\n", "column 'b' is to be predicted, and it is empty", .target = NULL);
    REFUSED("b\n1\n3\n", "there is no column to learn from", .target = NULL);
    REFUSED("a,b\n1,2\n", "there is no column 'c'; there are a, b", .target = "c");
    REFUSED("a,b\n1,2\n", "there is no column '3'; there are a, b", .target = "3");
    REFUSED("a,b\n1,2\n1,x\n", "column 'b' is no number: 'x' in line 3", .task = FAC_CSV_NUMBERS);
    REFUSED("a,b\n1,2\n1,x\n", "cannot be left out", .ignore = "b");
    expect_error(fac_csv_infer("none.csv", .target = NULL), "none.csv: cannot be opened");
    expect_error(fac_csv_infer("/", .target = NULL), "cannot be read");
    expect_error(fac_csv_from_json("{"), "is no JSON");
    expect_error(fac_csv_from_json("{}"), "makes no sense: columns, target or task");
    static const char *const wrong[] = {
        "{'target': 1, 'task': 'regression', 'columns': [{'name': 'a', 'kind': 'number'}]}",
        "{'target': 0, 'task': 'regression', 'columns': [{'name': 'a', 'kind': 'number'}]}",
        "{'target': 0, 'task': 'regression', 'columns': [{'name': 'a', 'kind': 'text'}]}",
        "{'target': 0, 'task': 'regression', 'columns': [{'name': 'a', 'kind': 'number'}, {'name': 'b', 'kind': "
        "'number', 'std': 0}]}",
        "{'target': 0, 'task': 'classification', 'columns': [{'name': 'a', 'kind': 'number'}, {'name': 'b', 'kind': "
        "'number'}]}",
        "{'target': 0, 'task': 'classification', 'columns': [{'name': 'a', 'kind': 'number', 'values': ['2', '1']},"
        " {'name': 'b', 'kind': 'number'}]}",
        "{'target': 0, 'task': 'regression', 'columns': [{'name': 'a', 'kind': 'category', 'values': ['2', '1']},"
        " {'name': 'b', 'kind': 'number'}]}",
        "{'target': 0, 'task': 'regression', 'columns': [{'name': 'a', 'kind': 'number'},"
        " {'name': 'b', 'kind': 'category', 'values': ['x', 'x']}]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char json[400];
        snprintf(json, sizeof json, "%s", wrong[i]);
        for (char *p = json; *p; p++)
            if (*p == '\'') *p = '"';
        if (fac_csv_from_json(json)) fail_msg("%s", json);
        assert_int_equal(fac_get_error_code(), FAC_ERROR_VALUE);
        fac_clear_error();
    }
}

static void no_memory(void **state)
{
    bool good = false;
    write_text(people);
    for (int n = 1; !good; n++) {
        assert_true(n < 2000);
        fac__alloc_fail_at(n);
        fac_csv *csv = fac_csv_infer("t.csv", .target = NULL);
        fac_dataset *d = fac_csv_dataset(csv, "t.csv");
        good = fac_csv_standardise(csv, d);
        fac_csv_rows *r = good ? fac_csv_rows_open(csv, "t.csv") : NULL;
        fac_scope
            good = fac_csv_rows_next(r, 10) != NULL;
        fac__alloc_fail_at(0);
        if (!good) assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
        fac_clear_error();
        fac_csv_rows_close(r);
        fac_dataset_free(d);
        fac_csv_free(csv);
    }
}

/* Numbers are those of strtod, to the bit. */
static void numbers(void **state)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "1",
                                        "123456789012345",
                                        "1234567890123456789",
                                        "0.1",
                                        "-2.675",
                                        "3.14159265358979",
                                        "1e5",
                                        "1E-45",
                                        ".5",
                                        "5.",
                                        "+7",
                                        "0.000001",
                                        "1e300",
                                        "00012.50",
                                        "9007199254740993",
                                        "92.030920993190389",
                                        "0.30000000000000004",
                                        "9.87654321098765432"};
    static const char *const none[] = {"", "-", ".", "1e", "0x10", "1,5", "1 2", "--1", "1.2.3", "e5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double v = 7, w = strtod(texts[i], NULL);
        assert_true(fac__csv_number(texts[i], &v));
        if (fabs(w) > 1e38)
            assert_true(isnan(v));
        else
            assert_memory_equal(&v, &w, sizeof v);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        double v;
        if (fac__csv_number(none[i], &v)) fail_msg("'%s' is a number", none[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),      cmocka_unit_test(columns),   cmocka_unit_test(unused),
        cmocka_unit_test(nearly_names), cmocka_unit_test(rows),      cmocka_unit_test(classes),
        cmocka_unit_test(refused),      cmocka_unit_test(no_memory), cmocka_unit_test(numbers)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
