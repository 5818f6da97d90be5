// Softmax attention as a mixer; PSM's blocks are made of it too.
#pragma once
#include "architectures/mixer.h"

typedef struct attention_config { int heads; } attention_config;
extern const mixer mixer_attention;
