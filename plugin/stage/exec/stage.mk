exec_LIBS := $(shell exec 2>/dev/null; pkg-config --libs $(MSGPACK))
