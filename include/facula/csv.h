/* Floor 7: tables in text, CSV files, as data to learn from.
 *
 *     fac_csv *csv = fac_csv_infer("houses.csv", .target = "price");     // what the columns are
 *     fac_dataset *houses = fac_csv_dataset(csv, "houses.csv");          // x: float32 [inputs], y: float32 [1]
 *     fac_csv_standardise(csv, houses);
 *
 * Files are as RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180) has them, in UTF-8, plain or compressed with gzip; the path
 * "-" is the standard input. The separator is the one of comma, semicolon, tab and bar that is in each of the first lines.
 * Blanks around fields, and blank lines, do not count. Whether the first record names the columns is found out: it does
 * when a field of it is a text where all others of its column are numbers, or when all its fields are texts. Numbers have a
 * decimal point, or, where semicolons separate, a decimal comma.
 *
 * A column is numbers if all its fields are; else true and false (or yes and no, t and f, y and n) if all are; else texts,
 * categories. A field that is empty, or NA, N/A, NaN, null, None or ?, in any case, is missing, and counts for neither.
 *
 * An input column of numbers or truths becomes one number, and one more that is 1 where it is missing, if it ever is. A column
 * of categories becomes a number for each, 1 for the one that it is and 0 for the others; all are 0 for a missing one and
 * for one that was not there when the columns were inferred. Not used are columns without anything in them, without a name
 * where others have one (an index, as pandas writes it), and of texts that are no categories: more than 100 different ones,
 * or more than 10 and than half as many as there are rows. */
#ifndef FACULA_CSV_H
#define FACULA_CSV_H

#include "facula/data.h"

FAC_BEGIN

/* What the columns of a table are. It is counted: what is made from it keeps it, and fac_csv_free gives back only the caller's
 * share. */
typedef struct fac_csv fac_csv;

typedef enum fac_csv_task { FAC_CSV_ANY, FAC_CSV_CLASSES, FAC_CSV_NUMBERS } fac_csv_task;

typedef struct fac_csv_options {
    const char *target; /* the column to be predicted: its name, or else its number, from 1; NULL: the last one */
    /* What is predicted. ANY: classes, if the column is texts or truths, or whole numbers of which two at most are different,
     * or at most 20 with five rows or more for each on the average; numbers otherwise. */
    fac_csv_task task;
    const char *ignore; /* names or numbers of columns that are not used, separated by commas; NULL */
} fac_csv_options;
static inline fac_csv_options fac_csv_options_defaults(void)
{
    fac_csv_options o;
    o.target = o.ignore = NULL;
    o.task = FAC_CSV_ANY;
    return o;
}
/* Reads a whole file, keeping little of it. Errors name line and column: records of another length than the first, quotes
 * that are not closed, zero bytes, names and categories that are no UTF-8; and what cannot be learnt from: no target, a
 * target that is always the same, more than 10,000 classes, no inputs. */
FAC_API fac_csv *fac_csv_infer_with(const char *path, fac_csv_options options);
#define fac_csv_infer(path, ...) fac_csv_infer_with(path, FAC_OPTIONS(fac_csv_options, __VA_ARGS__))
FAC_API void fac_csv_free(fac_csv *csv);

/* As JSON, to be kept with a model; for the C library's free(). And back; a text that makes no sense is an error. */
FAC_API char *fac_csv_to_json(const fac_csv *csv);
FAC_API fac_csv *fac_csv_from_json(const char *json);

typedef enum fac_csv_kind { FAC_CSV_EMPTY, FAC_CSV_NUMBER, FAC_CSV_TRUTH, FAC_CSV_CATEGORY } fac_csv_kind;
typedef struct fac_csv_column {
    const char *name; /* "column 3" where the file has no names; all texts are the table's */
    fac_csv_kind kind;
    bool target;
    const char *unused; /* why it is none of the inputs; NULL: it is one, or the target */
    int64_t inputs;     /* how many numbers it becomes */
    int64_t categories; /* of texts; of a target its classes */
} fac_csv_column;
FAC_API int64_t fac_csv_columns(const fac_csv *csv);
/* Zeros and NULLs, with an error, out of range. */
FAC_API fac_csv_column fac_csv_column_at(const fac_csv *csv, int64_t i);

/* Numbers that a row becomes; whether classes are predicted; how many, or 1 number; and what a class is called: classes are
 * sorted, numbers by size, false before true, texts by their bytes. NULL where there is none. */
FAC_API int64_t fac_csv_inputs(const fac_csv *csv);
FAC_API bool fac_csv_classification(const fac_csv *csv);
FAC_API int64_t fac_csv_outputs(const fac_csv *csv);
FAC_API const char *fac_csv_class(const fac_csv *csv, int64_t i);

/* The rows of a file with such columns, but for those whose target is missing: an input, float32 [inputs], and a class, int64, or
 * a number, float32 [1]. Of each field four bytes are kept in memory. Columns are found by their names, in any order, if
 * those were named that the table was inferred from and the file names them; else by their places. */
FAC_API fac_dataset *fac_csv_dataset(fac_csv *csv, const char *path);

/* From then on numbers and truths come as (x - mean) / std of those rows, which should be all that is learnt from and none of
 * what is tested with, and a missing one as 0; until then it is NaN. The dataset is one of fac_csv_dataset(csv, …), or a
 * subset of one. */
FAC_API bool fac_csv_standardise(fac_csv *csv, fac_dataset *rows);

/* Rows one after the other, for predictions; the target may be missing, or its column left out. */
typedef struct fac_csv_rows fac_csv_rows;
FAC_API fac_csv_rows *fac_csv_rows_open(fac_csv *csv, const char *path);
/* Up to `most` of the next rows: float32 [n, inputs], the scope's. NULL at the end, and after an error. From a pipe it waits
 * for that many. */
FAC_API fac_tensor *fac_csv_rows_next(fac_csv_rows *rows, int64_t most);
/* The file has the column that is to be predicted, and so could be a dataset. */
FAC_API bool fac_csv_rows_has_target(const fac_csv_rows *rows);
FAC_API void fac_csv_rows_close(fac_csv_rows *rows);

FAC_END
#endif
