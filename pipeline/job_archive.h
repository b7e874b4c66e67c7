/* job_archive: the WARC copy of a crawl: everything that a server answered is on disk in the archive before
 * the visit goes on, so before its record can be acknowledged.
 *
 * When its transfer has ended, a visit is ARCHIVING: its records are made and compressed in libuv's threads,
 * then written, all that have come meanwhile with one fdatasync, then the visit goes on as if there were no
 * archive. What is held meanwhile is in the page's credits, and beside them there is a most of visits: a slow
 * disk stops new fetches.  A disk that cannot be written stops the job, and nothing goes on that is not on
 * it.
 *
 * Without --warc j->archive is NULL, and only job_archive_takes is called. */
#ifndef TROMMEL_JOB_ARCHIVE_H
#define TROMMEL_JOB_ARCHIVE_H
#include "job.h"
#include "warc/write.h"

struct archive;
/* Opens the folder, closes what a crash left there; sets j->archive.  Without --warc it does nothing. */
int job_archive_open(struct job *j, struct err *err);
/* Has this answer something to be archived? */
int job_archive_takes(const struct job *j, const struct fetch_answer *a);
/* Takes the body and the credits of *answer; the visit goes on with visit_answered when it is on disk. */
void job_archive_put(struct visit *v, struct fetch_answer *answer);
/* May more visits come to wait for the disk? */
int job_archive_room(const struct job *j);
/* No visit goes on from here; waits for the threads (runs the loop) and closes the file.  What is not written
 * is forgotten: its URLs are still queued.  The counts stay. */
void job_archive_close(struct job *j);
void job_archive_free(struct job *j);
/* For the summary: 0 if there was none. */
int job_archive_counts(const struct job *j, struct warc_counts *ret);
#endif
