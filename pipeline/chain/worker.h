/* worker: the process in which stages run; its main is worker_main.c.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_WORKER_H
#define TROMMEL_CHAIN_WORKER_H
/* Serves the host on the descriptors of proto.h until it closes its end.  Returns an exit status. */
int worker_serve(void);
#endif
