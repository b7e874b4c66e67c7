/* api: the names of wget2's plugin interface, which changed with 2.0; what they name did not.
 *
 * Of wget2's structs the plugin reads only the first fields of a wget_iri, and it calls what the plugin's
 * table of functions offers, so that one source fits 1.99.1 and 2.x; built it fits the libwget it was built
 * with. */
#ifndef TROMMEL_WGET2_API_H
#define TROMMEL_WGET2_API_H
#include <wget.h>

#ifdef WGET_GCC_NONNULL_ALL /* 2.x; 1.99 says G_GNUC_WGET_NONNULL_ALL */
typedef wget_plugin api_plugin;
typedef wget_iri api_iri;
typedef wget_intercept_action api_action;
typedef wget_downloaded_file api_file;
typedef wget_buffer api_buffer;
typedef wget_logger api_logger;
typedef wget_logger_func *api_log_func;
#else
typedef wget_plugin_t api_plugin;
typedef wget_iri_t api_iri;
typedef wget_intercept_action_t api_action;
typedef wget_downloaded_file_t api_file;
typedef wget_buffer_t api_buffer;
typedef wget_logger_t api_logger;
typedef wget_logger_func_t api_log_func;
#endif
#endif
