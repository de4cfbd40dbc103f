/* Gives each file named to the target, without libFuzzer. */
#include "fuzz.h"

enum { SIZE_MAX_OF_INPUT = 1 << 16 };

int main(int argc, char **argv)
{
    static uint8_t data[SIZE_MAX_OF_INPUT];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return 2;
        }
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        printf("%s\n", argv[i]);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
