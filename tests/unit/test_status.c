/* Status codes, their names, the version. */
#include <string.h>

#include "support.h"

static const struct {
    int status;
    int number; /* pinned: a change breaks callers in other languages */
    const char *name;
} statuses[] = {
    {WEIR_OK, 0, "WEIR_OK"},
    {WEIR_EINVAL, -7000, "WEIR_EINVAL"},
    {WEIR_ENOMEM, -7001, "WEIR_ENOMEM"},
    {WEIR_EVERSION, -7002, "WEIR_EVERSION"},
    {WEIR_EOPEN, -7010, "WEIR_EOPEN"},
    {WEIR_EFULL, -7011, "WEIR_EFULL"},
    {WEIR_EQUEUETIME, -7012, "WEIR_EQUEUETIME"},
    {WEIR_ETIMEDOUT, -7013, "WEIR_ETIMEDOUT"},
    {WEIR_ECANCELED, -7014, "WEIR_ECANCELED"},
    {WEIR_ESTALE, -7015, "WEIR_ESTALE"},
    {WEIR_EFINAL, -7020, "WEIR_EFINAL"},
    {WEIR_EATTEMPTS, -7021, "WEIR_EATTEMPTS"},
    {WEIR_EDEADLINE, -7022, "WEIR_EDEADLINE"},
    {WEIR_EELAPSED, -7023, "WEIR_EELAPSED"},
    {WEIR_EBUDGET, -7024, "WEIR_EBUDGET"},
};

static void every_status_keeps_its_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(statuses); i++)
        assert_int_equal(statuses[i].status, statuses[i].number);
}

static void every_status_has_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(statuses); i++)
        assert_string_equal(weir_error_name(statuses[i].status),
                            statuses[i].name);
}

static void every_status_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        const char *text = weir_strerror(statuses[i].status);
        assert_true(strlen(text) > 5);
        assert_string_not_equal(text, "unknown status");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(text, weir_strerror(statuses[j].status));
    }
}

static int is_a_status(int number)
{
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i].number == number)
            return 1;
    return 0;
}

/* A status that is added without a name would show here, as it would lack in
 * the table above. */
static void other_numbers_are_unknown(void **state)
{
    (void)state;
    for (int number = -8100; number <= 200; number++) {
        if (is_a_status(number))
            continue;
        assert_string_equal(weir_strerror(number), "unknown status");
        assert_string_equal(weir_error_name(number), "?");
    }
    assert_string_equal(weir_error_name(INT32_MIN), "?");
    assert_string_equal(weir_error_name(INT32_MAX), "?");
}

static void the_version_is_that_of_the_header(void **state)
{
    (void)state;
    assert_int_equal(weir_version(), WEIR_VERSION_MAJOR * 10000 +
                                         WEIR_VERSION_MINOR * 100 +
                                         WEIR_VERSION_PATCH);
}

static void the_default_classifier_knows_success_and_rejections(void **state)
{
    static const struct {
        int code, outcome;
    } cases[] = {
        {0, WEIR_SUCCESS},
        {WEIR_EOPEN, WEIR_IGNORED},
        {WEIR_EFULL, WEIR_IGNORED},
        {WEIR_EQUEUETIME, WEIR_IGNORED},
        {WEIR_ECANCELED, WEIR_IGNORED},
        {WEIR_ETIMEDOUT, WEIR_TRANSIENT}, /* the dependency was asked */
        {WEIR_ENOMEM, WEIR_TRANSIENT},
        {1, WEIR_TRANSIENT},
        {200, WEIR_TRANSIENT},
        {-1, WEIR_TRANSIENT},
        {INT32_MIN, WEIR_TRANSIENT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(weir_classify_default(cases[i].code, NULL),
                         cases[i].outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_keeps_its_number),
        cmocka_unit_test(every_status_has_its_name),
        cmocka_unit_test(every_status_has_a_text_of_its_own),
        cmocka_unit_test(other_numbers_are_unknown),
        cmocka_unit_test(the_version_is_that_of_the_header),
        cmocka_unit_test(the_default_classifier_knows_success_and_rejections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
