// libcurl, loaded when `sockeye get` needs it. With the thirty libraries that it brings along, loading takes
// as long as all else until the first SYN; other commands have no use for it, and get has an address to wait
// for meanwhile.
//
// Who includes this instead of <curl/curl.h> calls its functions by their names, with the types checked. Before
// sok_curl_load() has said yes none of them may be called.
#ifndef SOK_CLI_CURL_LATE_H
#define SOK_CLI_CURL_LATE_H

#include <curl/curl.h>
#include <stdbool.h>

// All that are used.
#define SOK_CURL_CALLS(X)                                                                          \
    X(global_init)                                                                                 \
    X(global_cleanup)                                                                              \
    X(version_info)                                                                                \
    X(free)                                                                                        \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(url)                                                                                         \
    X(url_cleanup)                                                                                 \
    X(url_get)                                                                                     \
    X(url_set)                                                                                     \
    X(url_strerror)                                                                                \
    X(easy_init)                                                                                   \
    X(easy_cleanup)                                                                                \
    X(easy_getinfo)                                                                                \
    X(easy_pause)                                                                                  \
    X(easy_setopt)                                                                                 \
    X(easy_strerror)                                                                               \
    X(multi_init)                                                                                  \
    X(multi_cleanup)                                                                               \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_info_read)                                                                             \
    X(multi_setopt)                                                                                \
    X(multi_socket_action)

#define SOK_CURL_POINTER(name) __typeof__(curl_##name) *name;
struct sok_curl {
    SOK_CURL_CALLS(SOK_CURL_POINTER)
};
extern struct sok_curl sok_curl;

// False: with a line that says why. Again: nothing more is done.
bool sok_curl_load(char *line, unsigned size);
bool sok_curl_loaded(void);

#define curl_global_init         sok_curl.global_init
#define curl_global_cleanup      sok_curl.global_cleanup
#define curl_version_info        sok_curl.version_info
#define curl_free                sok_curl.free
#define curl_slist_append        sok_curl.slist_append
#define curl_slist_free_all      sok_curl.slist_free_all
#define curl_url                 sok_curl.url
#define curl_url_cleanup         sok_curl.url_cleanup
#define curl_url_get             sok_curl.url_get
#define curl_url_set             sok_curl.url_set
#define curl_url_strerror        sok_curl.url_strerror
#define curl_easy_init           sok_curl.easy_init
#define curl_easy_cleanup        sok_curl.easy_cleanup
#define curl_easy_pause          sok_curl.easy_pause
#define curl_easy_strerror       sok_curl.easy_strerror
#define curl_multi_init          sok_curl.multi_init
#define curl_multi_cleanup       sok_curl.multi_cleanup
#define curl_multi_add_handle    sok_curl.multi_add_handle
#define curl_multi_remove_handle sok_curl.multi_remove_handle
#define curl_multi_info_read     sok_curl.multi_info_read
#define curl_multi_socket_action sok_curl.multi_socket_action
// Not curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt: <curl/curl.h> has macros of these names, which
// look at the types of what follows an option. So curl_late.c has functions of these names.

#endif
