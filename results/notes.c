// What stands below a table: where the numbers come from and what they cannot show.
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "results/table.h"
#include "base/check.h"

// One note, broken into lines by display width in text; a list entry in Markdown, a paragraph in LaTeX.
static void note(FILE *f, table_format format, const char *text, ...) __attribute__((format(printf, 3, 4)));

static void put_wrapped(FILE *f, const char *text)
{
    enum { WIDTH = 100 };
    int column = 0;
    for (const char *word = text; *word;) {
        const size_t n = strcspn(word, " ");
        char piece[512];
        memcpy(piece, word, n < sizeof piece ? n : sizeof piece - 1);
        piece[n < sizeof piece ? n : sizeof piece - 1] = 0;
        const int width = text_width(piece);
        if (column && column + 1 + width > WIDTH)
            column = fprintf(f, "\n  ") - 1;
        else if (column)
            column += fprintf(f, " ");
        fwrite(word, 1, n, f);
        column += width;
        word += n + (word[n] == ' ');
    }
    putc('\n', f);
}

static void note(FILE *f, table_format format, const char *text, ...)
{
    char *whole;
    va_list arguments;
    va_start(arguments, text);
    CHECK(vasprintf(&whole, text, arguments) >= 0, "no memory for a note");
    va_end(arguments);
    if (format == TABLE_TEXT)
        put_wrapped(f, whole);
    else {
        fputs(format == TABLE_MARKDOWN ? "- " : "\\par ", f);
        put_field(f, whole, format);
        putc('\n', f);
    }
    free(whole);
}

// A text put together piece by piece.
typedef struct sentence { char *text; size_t bytes; FILE *stream; } sentence;

static FILE *sentence_begin(sentence *s)
{
    s->stream = open_memstream(&s->text, &s->bytes);
    CHECK(s->stream, "no memory for a note");
    return s->stream;
}

static void sentence_end(sentence *s, FILE *f, table_format format)
{
    CHECK(fclose(s->stream) == 0, "no memory for a note");
    if (s->bytes)
        note(f, format, "%s", s->text);
    free(s->text);
}

static const char *name_of(const model_summary *m, arena *a)
{
    return *m->group ? arena_text(a, "%s (%s)", m->label, m->group) : m->label;
}

static bool same(double x, double y) { return x == y || (isnan(x) && isnan(y)); }

// ---- what is there to be read

static void note_symbols(FILE *f, const summary *s, table_format format, metric which)
{
    static const char *const meaning[METRICS] = {
        [TOKEN_ERROR] = "wrong share of the scored positions",
            [LAST_ERROR] = "share of sequences whose last scored position is wrong",
        [SEQUENCE_ERROR] = "share of sequences with any error", [LOSS] = "mean loss of a scored position, nats" };
    bool several = false, single = false, horizons = false;
    for (int i = 0; i < s->n_models; i++) {
        several |= s->models[i].seeds > 1;
        single |= s->models[i].seeds == 1;
        horizons |= s->models[i].horizon.n > 0;
    }
    if (!several && !single)
        return;
    note(f, format, "error: %s, on test data.%s%s", meaning[which], several ? " Over seeds: median [lowest–highest]." : "",
         !single ? "" : which == LOSS ? " One seed: its value."
             : " One seed: its value (95 % interval over test sequences, which says nothing about other seeds).");
    if (horizons)
        note(f, format, "horizon: how many symbols a model follows until the error over the last %d positions may exceed %g; "
             "≥ where the evaluation ends first. "
             "reach: share of seeds whose horizon is 1, 2, 4, 10 times the trained length (– where the evaluation is too "
             "short to tell).", HORIZON_WINDOW, HORIZON_ERROR);
}

static void put_rule(FILE *f, const model_summary *m)
{
    fprintf(f, "%s below %g at length %d", metric_names[m->rule.metric], m->rule.below, m->rule.length);
}

static bool same_rule(const model_summary *a, const model_summary *b)
{
    return a->rule.length == b->rule.length && a->rule.metric == b->rule.metric && a->rule.below == b->rule.below;
}

static void note_external(FILE *f, const summary *s, table_format format)
{
    bool any = false;
    for (int i = 0; i < s->n_models; i++)
        any |= s->models[i].external;
    if (any)
        note(f, format, "(external): trained by another program, its predictions for test examples of this generator scored "
             "here. Its trained length is what it was said to be; loss, steps, parameters and overlap are not known.");
}

static void note_rule(FILE *f, const summary *s, table_format format)
{
    sentence text;
    FILE *t = sentence_begin(&text);
    bool one = true, unlearned = false;
    for (int i = 0; i < s->n_models; i++) {
        one &= same_rule(&s->models[i], &s->models[0]);
        unlearned |= !model_learned(&s->models[i]);
    }
    for (int i = 0; i < s->n_models && (i == 0 || !one); i++)
        if (s->models[i].rule.length > 0) {
            fprintf(t, "%s%s%s", i ? "; " : "solved: ", one ? "" : name_of(&s->models[i], s->arena), one ? "" : " ");
            put_rule(t, &s->models[i]);
        }
    if (unlearned)
        fputs(". †: most seeds have not learned that, so what they do at greater lengths says nothing about generalisation", t);
    if (ftell(t) > 0)
        putc('.', t);
    sentence_end(&text, f, format);
}

// ---- floors and overlap

static void put_floors(FILE *t, const model_summary *m, arena *a)
{
    const int end = m->n_lengths ? m->lengths[m->n_lengths - 1] : 0;
    int length[3] = { model_nearest(m, m->trained_length), model_nearest(m, 2 * m->trained_length), end };
    int n = 1;
    for (int i = 1; i < 3; i++)
        if (length[i] != length[n - 1])
            length[n++] = length[i];
    if (!isnan(m->chance))
        fprintf(t, "chance %s", table_number(m->chance, a));
    for (int k = 0; k < m->n_floors; k++) {
        fprintf(t, "%s%s", k || !isnan(m->chance) ? ", " : "", m->floors[k].name);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < m->n_lengths; j++)
                if (m->lengths[j] == length[i])
                    fprintf(t, "%s%s", i ? " / " : " ", table_number(m->floors[k].error[j], a));
    }
    if (m->n_floors)
        for (int i = 0; i < n; i++)
            fprintf(t, "%s%d", i ? " / " : " at ", length[i]);
}

static const char *share_text(double share, arena *a)
{
    return share < 1e-4 ? "under 0.01 %" : share > 0.995 ? "100 %" : arena_text(a, "%.2g %%", 100 * share);
}

static void put_overlap(FILE *t, const model_summary *m, arena *a)
{
    const int length[2] = { model_nearest(m, m->trained_length), model_nearest(m, 2 * m->trained_length) };
    for (int i = 0; i < 2; i++)
        if (length[i] && (i == 0 || length[1] != length[0]) && !isnan(model_overlap(m, length[i])))
            fprintf(t, "%s%s at %d", i ? ", " : "expected share of test examples seen in training ",
                share_text(model_overlap(m, length[i]), a), length[i]);
    if (m->novel_from >= 0)
        fprintf(t, "%sunder 1 %% seen from length %d on", ftell(t) > 0 ? "; " : "", m->novel_from);
}

static const char *median_text(const spread *s, arena *a)
{
    return s->n < 2 ? table_number(s->median, a)
                    : arena_text(a, "%s [%s–%s]", table_number(s->median, a), table_number(s->low, a), table_number(s->high, a));
}

static void put_held_out(FILE *t, const model_summary *m, arena *a)
{
    const int length[2] = { model_nearest(m, m->trained_length), model_nearest(m, 2 * m->trained_length) };
    for (int i = 0; i < 2; i++) {
        const spread after = model_held_out(m, false, length[i], a), before = model_held_out(m, true, length[i], a);
        if (after.n && (i == 0 || length[1] != length[0]))
            fprintf(t, "%s%s, %s before, at %d", i ? "; " : "error at a sequence's first answer after one ",
                    median_text(&after, a), before.n ? median_text(&before, a) : "–", length[i]);
    }
}

static void put_depth(FILE *t, const model_summary *m, arena *a)
{
    for (int i = 0; i < m->n_runs; i++)
        if (m->runs[i]->agg_depth && *m->runs[i]->agg_depth) {
            fprintf(t, "most applications in sequence behind a prediction: %s", m->runs[i]->agg_depth);
            return;
        }
}

// Says it once where all models agree, else by model. (Models agree who were given the same task for as long.)
static void note_shared(FILE *f, const summary *s, table_format format, const char *what,
    void (*put)(FILE *, const model_summary *, arena *))
{
    char **said = calloc((size_t)s->n_models + 1, sizeof *said);
    CHECK(said, "no memory for notes");
    bool one = true;
    for (int i = 0, first = -1; i < s->n_models; i++) {
        size_t bytes;
        FILE *t = open_memstream(&said[i], &bytes);
        CHECK(t, "no memory for a note");
        put(t, &s->models[i], s->arena);
        CHECK(fclose(t) == 0, "no memory for a note");
        if (!bytes)
            continue;
        first = first < 0 ? i : first;
        one &= strcmp(said[i], said[first]) == 0;
    }
    for (int i = 0; i < s->n_models; i++) {
        bool again = false;                             // the same words as an earlier model's
        for (int j = 0; j < i; j++)
            again |= strcmp(said[i], said[j]) == 0;
        if (*said[i] && !again)
            note(f, format, "%s%s%s: %s.", what, one ? "" : ", ", one ? "" : name_of(&s->models[i], s->arena), said[i]);
    }
    for (int i = 0; i < s->n_models; i++)
        free(said[i]);
    free(said);
}

// ---- cautions

static void note_missing(FILE *f, const summary *s, table_format format)
{
    sentence text;
    FILE *t = sentence_begin(&text);
    int kinds = 0;
    for (int i = 0; i < s->n_models; i++) {
        const model_summary *m = &s->models[i];
        bool named = false;
        for (int state = CELL_DIVERGED; state < CELL_STATES; state++) {
            if (!m->count[state])
                continue;
            const char *name = named ? "" : arena_text(s->arena, "%s ", name_of(m, s->arena));
            fprintf(t, "%s%s%d %s", named ? ", " : kinds ? "; " : "Not finished: ", name, m->count[state],
                cell_state_names[state]);
            named = true;
            kinds |= state == CELL_DIVERGED ? 1 : 2;
        }
    }
    if (kinds & 1)
        fputs(". A diverged run counts as a failure and as the largest error", t);
    if (kinds & 2)
        fputs(". The others are in no number above", t);
    if (kinds)
        putc('.', t);
    sentence_end(&text, f, format);
    for (int i = 0; i < s->n_runs; i++)
        if (s->runs[i]->state == CELL_FAILED)
            note(f, format, "%s, seed %lld failed: %s", s->runs[i]->label, (long long)s->runs[i]->seed,
                 *s->runs[i]->reason ? s->runs[i]->reason : "no reason recorded");
}

static void note_few_seeds(FILE *f, const summary *s, table_format format)
{
    enum { ENOUGH = 5 };
    int few = 0, most = 0;
    for (int i = 0; i < s->n_models; i++)
        if (s->models[i].seeds > 0 && s->models[i].seeds < ENOUGH) {
            few++;
            most = s->models[i].seeds > most ? s->models[i].seeds : most;
        }
    if (!few)
        return;
    note(f, format, "%s fewer than %d seeds. Whether a model trains reliably cannot be read from so few: even %d solved of %d "
         "fit%s a true success rate of %.0f %%.",
         few == s->n_models ? "Every model has" : few == 1 ? "One model has" : "Some models have", ENOUGH, most, most,
         most == 1 ? "s" : "", 100 * wilson(most, most, Z95).low);
}

// Outcomes have two modes, solved or not; a mean over both describes neither.
static void note_means(FILE *f, const summary *s, table_format format, metric which)
{
    for (int i = 0; i < s->n_models; i++) {
        const model_summary *m = &s->models[i];
        const bool one_side = m->solved_of == m->seeds && (m->solved == 0 || m->solved == m->solved_of);
        if (m->n_lengths == 0 || m->count[CELL_DIVERGED] || m->seeds < 2 || !one_side)
            continue;
        double *x = arena_take(s->arena, (size_t)m->n_runs * sizeof *x);
        int n = 0;
        for (int j = 0; j < m->n_runs; j++) {
            x[n] = run_error(m->runs[j], which, m->lengths[m->n_lengths - 1]);
            n += !isnan(x[n]);
        }
        const interval in = t_interval(x, n, 0.95);
        if (n > 1)
            note(f, format, "%s at %d: mean %s, 95 %% t interval over seeds %s to %s.", name_of(m, s->arena),
                m->lengths[m->n_lengths - 1],
                 table_number(mean_of(x, n), s->arena), table_number(in.low, s->arena), table_number(in.high, s->arena));
    }
}

// ---- comparisons

// The longest length that every model with results was evaluated at; 0: none.
static int common_end(const summary *s)
{
    int best = 0;
    for (int i = 0; i < s->n_runs; i++)
        for (int j = 0; j < s->runs[i]->n_lengths; j++) {
            const int length = s->runs[i]->lengths[j].length;
            bool all = length > best;
            for (int m = 0; m < s->n_models && all; m++)
                all = s->models[m].n_lengths == 0 || model_nearest(&s->models[m], length) == length;
            best = all ? length : best;
        }
    return best;
}

// A seed's error; a diverged one counts as wrong everywhere, so that it has a mean.
static int comparable(const model_summary *m, metric which, int length, double *x)
{
    int n = 0;
    for (int i = 0; i < m->n_runs; i++) {
        const double e = run_error(m->runs[i], which, length);
        if (!isnan(e))
            x[n++] = isinf(e) ? 1 : e;
    }
    return n;
}

static void compare_models(FILE *f, const summary *s, table_format format, metric which, bool colour)
{
    const int length = which == LOSS ? 0 : common_end(s), most = s->n_models * (s->n_models - 1) / 2;
    if (!length || !most)
        return;
    arena *a = s->arena;
    double *x = arena_take(a, (size_t)s->n_runs * sizeof *x), *y = arena_take(a, (size_t)s->n_runs * sizeof *y);
    double *p = arena_take(a, (size_t)most * sizeof *p), *adjusted = arena_take(a, (size_t)most * sizeof *adjusted), smallest = 1;
    static const char *const headings[] = { "model", "against", "difference of means", "p", "Holm" };
    grid *g = grid_new(LEN(headings), a);
    for (int i = 0; i < (int)LEN(headings); i++)
        grid_column(g, i, headings[i], i < 2);
    int tests = 0;
    for (int i = 0; i < s->n_models; i++)
        for (int j = i + 1; j < s->n_models; j++) {
            const int n = comparable(&s->models[i], which, length, x), m = comparable(&s->models[j], which, length, y);
            if (!n || !m)
                continue;
            const permutation_result t = permutation_test(x, n, y, m);
            const char **at = grid_row(g);
            at[0] = name_of(&s->models[i], a), at[1] = name_of(&s->models[j], a);
            at[2] = arena_text(a, "%+.3f", t.difference), at[3] = arena_text(a, "%.2g", t.p);
            p[tests++] = t.p;
            smallest = fmin(smallest, t.smallest);
        }
    holm_adjust(p, tests, adjusted);
    for (int i = 0; i < tests; i++)
        g->cell[(i + 1) * g->columns + 4] = arena_text(a, "%.2g", adjusted[i]);
    if (!tests)
        return;
    grid_print(f, g, format, colour);
    note(f, format, "Two-sided permutation tests over seeds, %s at %d; %d comparison%s, corrected by Holm. With these numbers "
         "of seeds no p can be below %.2g, nor below %.2g after the correction.",
         metric_names[which], length, tests, tests == 1 ? "" : "s", smallest, fmin(1, smallest * tests));
}

void table_notes(FILE *f, const summary *s, table_format format, const table_options *options)
{
    static const table_options defaults;
    const table_options *o = options ? options : &defaults;
    note_symbols(f, s, format, o->metric);
    note_external(f, s, format);
    note_rule(f, s, format);
    note_shared(f, s, format, "Floors", put_floors);
    note_shared(f, s, format, "Overlap", put_overlap);
    note_shared(f, s, format, "Held-out transitions", put_held_out);
    note_shared(f, s, format, "Depth of Agg", put_depth);
    if (s->head.selection)
        note(f, format, "%s", s->head.selection);
    note_missing(f, s, format);
    note_few_seeds(f, s, format);
    if (o->seeds)
        note_means(f, s, format, o->metric);
    if (o->compare) {
        putc('\n', f);
        compare_models(f, s, format, o->metric, o->colour);
    }
}

// ---- the paragraph

typedef struct bounds { double low, high; } bounds;

static void widen(bounds *b, double x)
{
    if (isnan(x))
        return;
    b->low = fmin(b->low, x);
    b->high = fmax(b->high, x);
}

static const char *bounds_text(const bounds *b, arena *a)
{
    return same(b->low, b->high) ? arena_text(a, "%g", b->low) : arena_text(a, "%g to %g", b->low, b->high);
}

void table_method(FILE *f, const summary *s)
{
    arena *a = s->arena;
    bounds seeds = { INFINITY, -INFINITY }, sequences = seeds, trained = seeds, longest = seeds, steps = seeds;
    int ours = 0;
    for (int i = 0; i < s->n_models; i++) {
        const model_summary *m = &s->models[i];
        ours += !m->external;
        if (!m->seeds || m->external)
            continue;
        widen(&seeds, m->seeds);
        widen(&sequences, m->sequences);
        widen(&trained, m->trained_length);
        widen(&longest, m->n_lengths ? m->lengths[m->n_lengths - 1] : (double)NAN);
        widen(&steps, m->steps.median);
    }
    if (isinf(longest.low)) {
        note(f, TABLE_TEXT, "No run of this sweep has been evaluated yet.");
        return;
    }
    note(f, TABLE_TEXT, "On %s we trained %d model%s with %s seeds each, at lengths up to %s symbols, for %s optimizer steps "
         "(median over seeds), and evaluated them on %s "
         "unseen test sequences at lengths up to %s, drawn by the same generator from streams that training never used. "
         "Errors are shares of scored positions, averaged over all of them; the sequence is "
         "the unit of every interval: the 95 %% interval of one run's token error is the ratio estimator with sequences as "
         "clusters or, with fewer than %d failing sequences, Wilson's interval of the "
         "failing share joined with Student's of their mean error (MOVER). Over seeds we report the median with the lowest "
         "and the highest value, and the success rate with Wilson's 95 %% interval; a diverged run is a failure.",
         *s->head.task ? s->head.task : s->head.sweep, ours, ours == 1 ? "" : "s", bounds_text(&seeds, a),
             bounds_text(&trained, a), bounds_text(&steps, a),
         bounds_text(&sequences, a), bounds_text(&longest, a), CLUSTERED_FAILURES);
    note(f, TABLE_TEXT, "The horizon is the largest t such that the mean error over positions max(1, t − %d) to t, and over "
         "every such window before, has an upper confidence bound "
         "(Wilson, one-sided 95 %%) below %g. Models are compared by two-sided permutation tests over seeds with Holm's "
         "correction.", HORIZON_WINDOW - 1, HORIZON_ERROR);
    note_external(f, s, TABLE_TEXT);
    note_rule(f, s, TABLE_TEXT);
    note_shared(f, s, TABLE_TEXT, "Floors", put_floors);
    note_shared(f, s, TABLE_TEXT, "Overlap", put_overlap);
    if (s->head.selection)
        note(f, TABLE_TEXT, "%s", s->head.selection);
}
