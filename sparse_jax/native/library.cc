// All custom calls in one unit: their common headers take a compiler longer than they do.
#include "calls.cc"
#include "image_calls.cc"
#include "norm_calls.cc"
#include "pool_calls.cc"
