/* Every way in which an input can end its process, chosen by its first byte: each must be told. */
#include "guided.h"

static volatile int forever = 1;

static void run(const uint8_t *data, size_t n)
{
    void *volatile lost = NULL;
    if (n == 0)
        return;
    switch (data[0]) {
    case 'h':
        while (forever)
            continue;
        break;
    case 'a':
        abort();
    case 'o':
        guided_need(((const volatile uint8_t *)data)[n] == 0, "a byte behind the input");
        break;
    case 'u':
        forever += INT32_MAX;
        break;
    case 'm':
        lost = malloc(600 << 20);
        guided_need(lost != NULL, "no memory");
        memset(lost, 1, 600 << 20);
        free(lost);
        break;
    case 'l':
        lost = malloc(100);
        lost = NULL;
        break;
    default:
        break;
    }
    (void)lost;
}

static void seeds(void)
{
    guided_seed("nothing", 7);
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"ends", 16, 1, run, seeds});
}
