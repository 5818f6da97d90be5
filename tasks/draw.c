#include "tasks/draw.h"

#include <math.h>
#include <string.h>
#include "base/check.h"

void set_clear(number_set *set, int n)
{
    CHECK(n <= 2 * DRAW_MOST, "a set of %d numbers", n);
    unsigned room = 8;
    while (room < 2 * (unsigned)n)
        room *= 2;
    set->mask = room - 1;
    memset(set->entry, -1, room * sizeof *set->entry);
}

// Where the number is, or would be.
static unsigned place(const number_set *set, int number)
{
    unsigned at = (unsigned)number * 0x9e3779b1u >> 16 & set->mask;
    while (set->entry[at] >= 0 && set->entry[at] != number)
        at = (at + 1) & set->mask;
    return at;
}

bool set_add(number_set *set, int number)
{
    int *entry = &set->entry[place(set, number)];
    const bool fresh = *entry < 0;
    *entry = number;
    return fresh;
}

bool set_has(const number_set *set, int number) { return set->entry[place(set, number)] >= 0; }

void draw_distinct(rng *r, number_set *set, int from, int count, int n, int *drawn)
{
    CHECK(n <= count, "%d distinct numbers of %d", n, count);
    set_clear(set, n);
    for (int i = 0; i < n;) {
        drawn[i] = from + (int)rng_below(r, count);
        i += set_add(set, drawn[i]);            // one that was there is drawn again
    }
}

void draw_shuffle(rng *r, int *items, int n)
{
    for (int i = n - 1; i > 0; i--) {
        const int j = (int)rng_below(r, i + 1), item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}

const double *draw_power_sums(double power, int slots, arena *a)
{
    double *sums = arena_take(a, (slots + 1) * sizeof *sums);
    sums[0] = 0;
    for (int s = 1; s <= slots; s++)
        sums[s] = sums[s - 1] + pow(s, power - 1);
    return sums;
}

// The largest i < n with sums[i] ≤ u.
static int find_interval(const double *sums, int n, double u)
{
    int low = 0, high = n;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (sums[middle] <= u)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// Drawing by the first weights and passing over slots that are gone is successive sampling. When half the weight is gone,
// the slots that are left get prefix sums of their own, so that at most every second draw is in vain.
void draw_slots(rng *r, const double *sums, int first, int last, int n, int *drawn)
{
    double own_sums[DRAW_SLOTS + 1];
    int    own_slot[DRAW_SLOTS], left = last - first + 1, k = 0;
    bool   gone[DRAW_SLOTS + 1];
    CHECK(n <= left && first >= 1 && last <= DRAW_SLOTS, "%d of the slots %d … %d", n, first, last);
    memset(gone + first, 0, left);
    const double *now = sums + first - 1;       // of the slots `left` counts: the first `left` ones, then those in own_slot
    const int *slot = NULL;
    while (k < n) {
        const double all = now[left] - now[0];
        for (double lost = 0; k < n && lost <= all / 2;) {
            const int i = find_interval(now, left, now[0] + rng_unit(r) * all), s = slot ? slot[i] : first + i;
            if (gone[s])
                continue;
            gone[s] = true;
            drawn[k++] = s;
            lost += now[i + 1] - now[i];
        }
        int kept = 0;
        own_sums[0] = 0;
        for (int s = first; k < n && s <= last; s++)
            if (!gone[s]) {
                own_slot[kept++] = s;
                own_sums[kept] = own_sums[kept - 1] + (sums[s] - sums[s - 1]);
            }
        now = own_sums;
        slot = own_slot;
        left = kept;
    }
}
