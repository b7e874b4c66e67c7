#!/bin/sh
# kit_files.sh FILE...: prints the C source that holds these files within the program; see kit.h.  The assembler reads
# them (.incbin), so they are as they lie here.
set -eu
echo '#include "command/kit.h"'
i=0
for f; do
    printf '__asm__(".section .rodata\\nkit_%d: .incbin \\"%s\\"\\nkit_%d_end: .byte 0\\n.previous");\n' $i "$f" $i
    printf 'extern const char kit_%d[], kit_%d_end[] __attribute__((visibility("hidden")));\n' $i $i
    i=$((i + 1))
done
echo 'const struct kit_file kit_files[] = {'
i=0
for f; do
    case $f in
    plugin/sdk/template/*) path=${f#plugin/sdk/template/} ;;
    plugin/sdk/*) path=include/trommel/sdk/${f#plugin/sdk/} ;;
    *) path=${f#plugin/} ;;
    esac
    printf '    { "%s", kit_%d, kit_%d_end },\n' "$path" $i $i
    i=$((i + 1))
done
echo '    { 0, 0, 0 },'
echo '};'
