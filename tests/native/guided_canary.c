/* A planted fault behind four bytes that must be right one after the other: of random inputs one in
 * 2^32 finds it, guidance finds each byte on the way. A fuzzer that passes here finds nothing. */
#include "guided.h"

static void run(const uint8_t *data, size_t n)
{
    if (n < 8 || data[0] != 't')
        return;
    if (data[2] != (uint8_t)(data[1] + 0x5a))
        return;
    if ((data[3] ^ data[4]) != 0x81)
        return;
    if (data[7] % 251 != 7)
        return;
    guided_need(0, "the canary is found");
}

static void seeds(void)
{
    guided_seed("a canary", 8);
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"canary", 64, 1, run, seeds});
}
