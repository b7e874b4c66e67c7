/* budget: the bound on what is used, who is woken when, and that something can always end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "page/budget.h"

#define STEP ((uint64_t)LIMIT_RESERVE_BYTES)

struct taker {
    struct budget_share *share;
    unsigned resumed;
    uint64_t wants;
};

static void on_resume(void *arg)
{
    ((struct taker *)arg)->resumed++;
}

static void on_resume_grow(void *arg) /* grows at once, inside the giver's call */
{
    struct taker *t = arg;

    t->resumed++;
    assert_int_equal(budget_grow(t->share, t->wants), 0);
}

static void test_more_starts_than_there_is_room(void **state)
{
    struct budget *b = budget_new(3 * STEP, STEP);
    struct taker t[4] = { 0 };

    for (int i = 0; i < 3; i++)
        assert_non_null(t[i].share = budget_start(b, on_resume, &t[i]));
    assert_null(budget_start(b, on_resume, &t[3]));
    assert_int_equal(budget_state(b).refused, 1);
    budget_end(&t[1].share);
    assert_null(t[1].share);
    assert_non_null(t[3].share = budget_start(b, on_resume, &t[3]));
    budget_end(&t[0].share);
    budget_end(&t[2].share);
    budget_end(&t[3].share);
    budget_end(&t[3].share); /* NULL-safe */
    assert_int_equal(budget_state(b).used, 0);
    assert_int_equal(budget_state(b).shares, 0);
    assert_int_equal(budget_state(b).peak, 3 * STEP);
    budget_free(b);
}

static void test_the_oldest_cannot_grow_to_a_whole_body(void **state)
{
    struct budget *b = budget_new(2 * STEP, 8 * STEP);
    struct taker old = { 0 }, young = { 0 };

    old.share = budget_start(b, on_resume, &old);
    young.share = budget_start(b, on_resume, &young);
    assert_int_equal(budget_grow(young.share, STEP + 1), ERR_FULL);
    assert_int_equal(budget_grow(old.share, 8 * STEP), 0);
    assert_int_equal(budget_grow(old.share, 8 * STEP + 1), ERR_FULL);
    assert_int_equal(budget_state(b).used, 9 * STEP);
    budget_end(&old.share);
    assert_int_equal(young.resumed, 1); /* now the oldest */
    assert_int_equal(budget_grow(young.share, 8 * STEP), 0);
    budget_end(&young.share);
    budget_free(b);
}

static void test_the_oldest_ones_pile_up_above_the_bound(void **state)
{
    struct budget *b = budget_new(4 * STEP, 8 * STEP);
    struct taker t[4] = { 0 };

    for (int i = 0; i < 4; i++)
        t[i].share = budget_start(b, on_resume, &t[i]);
    assert_int_equal(budget_grow(t[0].share, 8 * STEP), 0);
    budget_settle(t[0].share, 8 * STEP); /* whole, on its way to the sink; keeps its bytes */
    assert_int_equal(budget_grow(t[1].share, 8 * STEP), ERR_FULL);
    assert_int_equal(t[1].resumed, 0);
    assert_true(budget_state(b).used <= 12 * STEP);
    budget_end(&t[0].share); /* acknowledged */
    assert_int_equal(t[1].resumed, 1);
    assert_int_equal(budget_grow(t[1].share, 8 * STEP), 0);
    for (int i = 1; i < 4; i++)
        budget_end(&t[i].share);
    assert_true(budget_state(b).peak <= 12 * STEP);
    budget_free(b);
}

static void test_a_new_start_overtakes_those_that_wait(void **state)
{
    struct budget *b = budget_new(4 * STEP, STEP);
    struct taker t[4] = { 0 }, late = { 0 };

    for (int i = 0; i < 4; i++)
        t[i].share = budget_start(b, on_resume_grow, &t[i]);
    t[2].wants = 2 * STEP;
    t[3].wants = 3 * STEP;
    assert_int_equal(budget_grow(t[2].share, t[2].wants), ERR_FULL);
    assert_int_equal(budget_grow(t[3].share, t[3].wants), ERR_FULL);
    budget_end(&t[0].share);
    assert_int_equal(t[2].resumed, 1);
    assert_int_equal(t[3].resumed, 0);
    budget_settle(t[1].share, 0);
    assert_null(budget_start(b, on_resume, &late));
    budget_end(&t[1].share);
    assert_int_equal(t[3].resumed, 0); /* one step is free, two are wanted */
    budget_end(&t[2].share);
    assert_int_equal(t[3].resumed, 1);
    budget_end(&t[3].share);
    assert_int_equal(budget_state(b).used, 0);
    budget_free(b);
}

static void test_a_settled_share_is_still_woken(void **state)
{
    struct budget *b = budget_new(2 * STEP, STEP);
    struct taker t[2] = { 0 };

    for (int i = 0; i < 2; i++)
        t[i].share = budget_start(b, on_resume, &t[i]);
    assert_int_equal(budget_grow(t[1].share, 2 * STEP), ERR_FULL);
    budget_settle(t[1].share, 100);
    budget_end(&t[0].share);
    assert_int_equal(t[1].resumed, 0);
    budget_settle(NULL, 3);
    budget_end(&t[1].share);
    budget_free(b);
}

static void test_a_record_larger_than_its_body_breaks_the_bound(void **state)
{
    struct budget *b = budget_new(STEP, STEP);
    struct taker t = { 0 };

    t.share = budget_start(b, on_resume, &t);
    budget_settle(t.share, 100 * STEP);
    assert_true(budget_state(b).used <= 2 * STEP);
    budget_end(&t.share);
    assert_int_equal(budget_state(b).used, 0);
    budget_free(b);
}

/* A model: random starts, growth, settling and ends; nothing may ever stand still or burst the bound. */
static void test_random_traffic_stands_still(void **state)
{
    enum { N = 40 };
    struct budget *b = budget_new(10 * STEP, 16 * STEP);
    struct taker t[N] = { 0 };
    uint64_t size[N] = { 0 }, have[N] = { 0 }, ended = 0;
    unsigned seed = 7;

    for (unsigned round = 0; round < 200000; round++) {
        int i = (int)(rand_r(&seed) % N);
        if (!t[i].share) {
            t[i].share = budget_start(b, on_resume, &t[i]);
            size[i] = (uint64_t)rand_r(&seed) % (16 * STEP) + 1;
            have[i] = 0;
        } else if (have[i] < size[i]) {
            uint64_t next = have[i] + (uint64_t)rand_r(&seed) % STEP + 1;
            if (next > size[i])
                next = size[i];
            if (budget_grow(t[i].share, next) == 0)
                have[i] = next;
            if (have[i] == size[i])
                budget_settle(t[i].share, size[i]);
        } else {
            budget_end(&t[i].share);
            ended++;
        }
        assert_true(budget_state(b).used <= 26 * STEP);
    }
    assert_true(ended > 150); /* the oldest alone makes one of these in about 700 rounds */
    for (int i = 0; i < N; i++)
        budget_end(&t[i].share);
    assert_int_equal(budget_state(b).used, 0);
    budget_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_starts_than_there_is_room),
        cmocka_unit_test(test_the_oldest_cannot_grow_to_a_whole_body),
        cmocka_unit_test(test_the_oldest_ones_pile_up_above_the_bound),
        cmocka_unit_test(test_a_new_start_overtakes_those_that_wait),
        cmocka_unit_test(test_a_settled_share_is_still_woken),
        cmocka_unit_test(test_a_record_larger_than_its_body_breaks_the_bound),
        cmocka_unit_test(test_random_traffic_stands_still),
    };

    return cmocka_run_group_tests_name("page/budget fails when", tests, NULL, NULL);
}
