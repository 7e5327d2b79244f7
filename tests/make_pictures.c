/* make_pictures: in the folder where it is run, small data for tests/run_facula: photos/, a folder of pictures with a diagonal, a
 * row or a column of light in different sizes, to learn from and to test with; and cifar/, the same in CIFAR-10's files. Ends
 * with 77 where pictures cannot be written; cifar/ is there then. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <facula/facula.h>

static const char *const classes[] = {"column", "diagonal", "row"};

/* Three planes, the first with the light, the others with noise alone. */
static void draw(unsigned char *pixels, int class, int side, int i)
{
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                bool on = class == 0 ? x == side / 2 : class == 1 ? x == y : y == side / 2;
                *pixels++ = (unsigned char)((i * 31 + x * 17 + y * 13 + c * 7) % 60 + (on && c == 0 ? 180 : 0));
            }
}

static void make_cifar(void)
{
    mkdir("cifar", 0755);
    for (int file = 0; file < 6; file++) {
        char path[64];
        snprintf(path, sizeof path, file < 5 ? "cifar/data_batch_%d.bin" : "cifar/test_batch.bin", file + 1);
        FILE *f = fopen(path, "wb");
        for (int i = 0; i < 24 && f; i++) {
            unsigned char record[1 + 3 * 32 * 32] = {(unsigned char)(i % 3)};
            draw(record + 1, i % 3, 32, i + file);
            fwrite(record, 1, sizeof record, f);
        }
        if (!f || fclose(f) != 0) exit(1);
    }
    FILE *f = fopen("cifar/batches.meta.txt", "w");
    if (!f) exit(1);
    for (int i = 0; i < 10; i++)
        fprintf(f, "%s\n", i < 3 ? classes[i] : (char[]){(char)('a' + i), 0});
    fclose(f);
}

static bool make_photos(const char *part, int count)
{
    char path[100];
    mkdir("photos", 0755);
    snprintf(path, sizeof path, "photos/%s", part);
    mkdir(path, 0755);
    bool good = true;
    for (int class = 0; class < 3; class ++) {
        snprintf(path, sizeof path, "photos/%s/%s", part, classes[class]);
        mkdir(path, 0755);
        for (int i = 0; i < count && good; i++)
            fac_scope {
                int side = 20 + i % 5;
                fac_tensor *t = fac_empty(FAC_SHAPE(3, side, side), .dtype = FAC_UINT8);
                draw(fac_data(t), class, side, i);
                snprintf(path, sizeof path, "photos/%s/%s/%d.png", part, classes[class], i);
                good = fac_image_write(t, path);
            }
    }
    return good;
}

int main(void)
{
    make_cifar();
    return make_photos("train", 30) && make_photos("test", 6) ? 0 : 77;
}
