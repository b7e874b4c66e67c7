/* report: what a comparison has found, as text, as JSON lines, as a page.
 *
 * Behind diff_run_end.  All that pages say is shown as text and nothing else: control characters and marks of
 * direction neither reach a terminal nor turn a page around.  0, or ERR_IO with the reason (also if a record
 * could not be read again). */
#ifndef TROMMEL_COMMAND_DIFF_REPORT_H
#define TROMMEL_COMMAND_DIFF_REPORT_H
#include <stdio.h>

#include "command/diff/run.h"

/* new_name: how NEW is called. */
int diff_report_text(struct diff_run *r, const char *new_name, FILE *f, struct err *err);
/* {"url","id","magnitude","fields":[{"path","kind","share","weight","old","new"}]}, a line a changed record.
 */
int diff_report_json(struct diff_run *r, FILE *f, struct err *err);
/* One page: no script, nothing from elsewhere, at most DIFF_PAGE_MAX bytes and one record more. */
#define DIFF_PAGE_MAX (32u << 20)
int diff_report_html(struct diff_run *r, const char *new_name, FILE *f, struct err *err);
#endif
