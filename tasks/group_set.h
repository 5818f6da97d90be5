// Sets of a group's elements that a sequence is drawn from: all, generators, those that move few points, or a list.
#pragma once
#include "base/param.h"
#include "tasks/group.h"

extern const param group_set_forms[];           // of a PARAM_ONE_OF

typedef struct group_set { int n; const int *elements; } group_set;     // elements NULL: all of the group

// False after a report: an element outside the group, or a set that doesn't generate it.
bool group_set_open(group_set *, const param_one_of *form, const group *, const char *name, mark at, arena *, diag *);
