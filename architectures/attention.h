// Softmax attention as a mixer; PSM's blocks are made of it too.
#pragma once
#include "architectures/mixer.h"

typedef struct attention_config { int heads, window; } attention_config;         // window 0: none
extern const mixer mixer_attention;
