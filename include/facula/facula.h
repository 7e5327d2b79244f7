/* Floor 8: everything. */
#ifndef FACULA_FACULA_H
#define FACULA_FACULA_H

#include "facula/aliases.h"
#include "facula/autograd.h"
#include "facula/base.h"
#include "facula/capture.h"
#include "facula/csv.h"
#include "facula/data.h"
#include "facula/dlpack.h"
#include "facula/error.h"
#include "facula/init.h"
#include "facula/io.h"
#include "facula/literal.h"
#include "facula/models.h"
#include "facula/module.h"
#include "facula/nn.h"
#include "facula/ops_attention.h"
#include "facula/ops_calculus.h"
#include "facula/ops_call.h"
#include "facula/ops_conv.h"
#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_fft.h"
#include "facula/ops_image.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_linalg.h"
#include "facula/ops_loss.h"
#include "facula/ops_masked.h"
#include "facula/ops_matmul.h"
#include "facula/ops_norm.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_rnn.h"
#include "facula/ops_sort.h"
#include "facula/ops_special.h"
#include "facula/ops_spectral.h"
#include "facula/ops_view.h"
#include "facula/optim.h"
#include "facula/print.h"
#include "facula/random.h"
#include "facula/state.h"
#include "facula/tensor.h"
#include "facula/threads.h"
#include "facula/watch.h"

/* After all others: from here on a call notes its file and line, for fac_error_line(). It is written by the build. */
#if !defined(FACULA_NO_HERE) && __has_include("facula/here.h")
#include "facula/here.h"
#endif

#endif
