metadata_LIBS := -lcld2
