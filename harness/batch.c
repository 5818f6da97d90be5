#include "harness/batch.h"

batch batch_make(const dataset *data, data_split split, int length, int64_t first, int B, arena *a)
{
    const int T = dataset_tokens(data, length);
    batch b = { .B = B, .T = T, .tokens = tensor_index(a, B, T) };
    int *target = arena_take(a, (size_t)B * T * sizeof *target);
    for (int i = 0; i < B; i++)
        dataset_example(data, split, length, first + i, tensor_ints(b.tokens) + (int64_t)i * T, target + (int64_t)i * T);
    for (int64_t i = 0; i < (int64_t)B * T; i++) b.supervised += target[i] != TASK_IGNORE;
    CHECK(b.supervised > 0, "task '%s' supervises nothing at length %d", data->task->name, length);
    b.rows    = tensor_index(a, b.supervised);
    b.targets = tensor_index(a, b.supervised);
    for (int64_t i = 0, n = 0; i < (int64_t)B * T; i++) {
        if (target[i] == TASK_IGNORE) continue;
        tensor_ints(b.rows)[n] = (int)i;
        tensor_ints(b.targets)[n++] = target[i];
    }
    return b;
}

head_loss batch_loss(const batch *b, const network *n, graph *g)
{
    tensor *hidden = network_forward(n, g, b->tokens);              // [B, T, D]
    const int64_t D = tensor_columns(hidden);
    if (b->supervised < b->B * b->T) hidden = nn_rows(g, b->rows, &hidden, 1);
    return nn_head_loss(g, tensor_reshape(g->step, hidden, b->supervised, D), n->head, n->head_bias, b->targets);
}
