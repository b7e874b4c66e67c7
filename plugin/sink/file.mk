# The file sink is more than one file; it shares the segment format with `trommel cat`.
file_SRC := $(wildcard plugin/sink/file/*.c) pipeline/deliver/segment.c
file_LIBS := -lz -lzstd -lpthread
