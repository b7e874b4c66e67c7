# Records as JSON: the pipeline's own view of them, compiled in.
stdout_SRC := pipeline/record/json.c pipeline/record/mp_read.c pipeline/base/utf8.c pipeline/base/buf.c
stdout_LIBS := -lm -lpthread
