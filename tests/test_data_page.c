/* The code of docs/data.md, and that it does what is said there. */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "file_bytes.h"

static void write_houses(void)
{
    FILE *f = fopen("houses.csv", "w");
    fprintf(f, "rooms,town,price\n");
    for (int i = 0; i < 40; i++)
        fprintf(f, "%d,%s,%d.5\n", 1 + i % 5, i % 3 ? "Ulm" : "Rom", 100 + 20 * (i % 5) + 30 * (i % 3 == 0));
    fclose(f);
    write_bytes("new.csv", "town,rooms\nRom,2\nUlm,?\n", 23);
}

static void predict(const fac_state *state, fac_module *net)
{
    fac_csv *csv = fac_csv_from_json(fac_state_metadata(state, "table"));
    fac_csv_rows *rows = fac_csv_rows_open(csv, "new.csv"); /* or "-", the standard input */
    for (fac_tensor *x; (x = fac_csv_rows_next(rows, 100));)
        fac_print(fac_forward(net, x));
    fac_csv_rows_close(rows);
    fac_csv_free(csv);
}

static void tables(void **unused)
{
    write_houses();
    fac_csv *csv = fac_csv_infer("houses.csv", .target = "price");
    fac_dataset *houses = fac_csv_dataset(csv, "houses.csv"), *parts[2];
    fac_random_split(houses, (double[]){0.9, 0.1}, 2, NULL, parts);
    fac_csv_standardise(csv, parts[0]); /* by the rows to learn from alone */
    fac_module *net = fac_nn_sequential(fac_nn_linear(fac_csv_inputs(csv), 16), fac_nn_relu(),
                                        fac_nn_linear(16, fac_csv_outputs(csv)));
    char *table = fac_csv_to_json(csv);
    fac_state *state = fac_state_dict(net);
    fac_state_set_metadata(state, "table", table);
    fac_save(state, "houses.safetensors");
    assert_null(fac_error());
    assert_int_equal(fac_csv_inputs(csv), 3);
    fac_scope
        predict(state, net);
    assert_null(fac_error());
    free(table);
    fac_state_free(state);
    fac_module_free(net);
    fac_dataset_free(parts[0]);
    fac_dataset_free(parts[1]);
    fac_dataset_free(houses);
    fac_csv_free(csv);
}

#ifdef FAC__HAVE_PNG
static void pictures(void **unused)
{
    fac_scope {
        mkdir("photos", 0700);
        mkdir("photos/cat", 0700);
        fac_image_write(fac_randint(0, 256, FAC_SHAPE(3, 20, 30), .dtype = FAC_UINT8), "photo.png");
        fac_image_write(fac_zeros(FAC_SHAPE(4, 5), .dtype = FAC_UINT8), "photos/cat/1.png");
        fac_tensor *picture = fac_image_read("photo.png", .channels = 3); /* uint8 [3, height, width] */
        fac_image_write(fac_flip(picture, FAC_DIMS(2)), "mirrored.png");
        fac_tensor *mirrored = fac_image_read("mirrored.png");
        check_close(mirrored, fac_flip(picture, FAC_DIMS(2)), 0);
    }
    fac_dataset *train = fac_image_folder("photos", .height = 32, .width = 32, .mean = 0.5, .std = 0.25);
    fac_loader *loader = fac_data_loader(train, .batch_size = 8, .shuffle = true, .prefetch = 1);
    fac_for_batch(loader, x, y)
        printf("%d pictures, the first is a %s\n", (int)fac_size(x, 0),
               fac_dataset_class(train, fac_item_int(fac_select(y, 0, 0))));
    assert_null(fac_error());
    fac_loader_free(loader);
    fac_dataset_free(train);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef FAC__HAVE_PNG
        cmocka_unit_test(pictures),
#endif
        cmocka_unit_test(tables)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
