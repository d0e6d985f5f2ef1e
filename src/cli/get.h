// What the files of `sockeye get` share: get.c (words, exit codes), get_curl.c (libcurl in the host's
// loop), get_dial.c (its connections; --kernel: get_kernel.c), get_words.c,
// get_keys.c, get_trust.c, get_output.c (where the page goes).
#ifndef SOK_CLI_GET_H
#define SOK_CLI_GET_H

#include "cli/curl_late.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/writer.h"

// The page on its way to a file or stdout: filled here, written by a thread of its own.
#define SOK_GET_BUFFER (2 << 20)
struct sok_get_output {
    struct sok_host *host;
    struct sok_writer writer;
    int fd;
    uint8_t *buffers[2]; // one is filled while the other is written
    unsigned filling;
    size_t filled;
    bool made;  // the file is new
    bool begun; // something was put into it
    int error;  // the first errno of writing
};

// What was given by an option once or again; the texts are the command line's.
struct sok_get_words {
    const char **texts;
    unsigned count;
};

struct sok_get {
    struct sok_host *host;
    const char *url;
    CURLU *parts;       // of the URL; NULL: libcurl is not started
    const char *output; // NULL: stdout
    char *output_made;  // -O: the name, ours to free
    bool remote_name, fail, verbose, silent;
    bool follow, insecure, head, compressed; // -L -k -I --compressed
    bool kernel;                             // --kernel: libcurl's own connections
    const char *method, *cacert;             // -X --cacert; or NULL
    struct curl_blob trusted; // what is in the file of certificates; data NULL: not read
    char *body;               // -d; or NULL
    size_t body_len;
    struct sok_get_words headers, pins; // -H, --resolve
    struct curl_slist *pinned;          // with --kernel: for libcurl
    int keys_fd;                        // the file of SSLKEYLOGFILE; -1: none
    off_t keys_from;                    // what SSLKEYLOGFILE holds was there before
    unsigned family;                    // -4, -6; 0: both
    int64_t connect_timeout, max_time;  // ns; 0: none
    int64_t started;
    struct sok_get_output out;
    int no_name; // why the name was not resolved, SOK_E...
    char no_name_message[SOK_HOST_ERR_MAX];
    char host_name[256];  // of the URL that is fetched now, after redirects
    int dial_error;       // why the dial failed, SOK_E...
    int listener, filler; // get_dial.c; -1: not made
    CURLM *multi;
    CURL *easy;
    int ready_fd, ready_what; // what the last step heard of curl's descriptor
    bool paused;              // the output had no room
    bool done;
    int64_t timer; // when curl wants to be called; INT64_MAX: not
    CURLcode result;
    char message[CURL_ERROR_SIZE];
    struct sok_progress progress;
};

// curl's exit code, and its line unless it is to be silent.
int sok_get_fail(const struct sok_get *g, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int sok_get_curl(struct sok_get *g);       // the transfer; an exit code
bool sok_get_dial_open(struct sok_get *g); // what it takes, before the process is confined
void sok_get_dial_set_up(struct sok_get *g, CURL *easy); // curl's connections are this host's
void sok_get_dial_clean_up(struct sok_get *g);

// get_kernel.c, --kernel: libcurl's own connections instead.
void sok_get_kernel_warm_up(struct sok_get *g); // before the process is confined
bool sok_get_kernel_set_up(struct sok_get *g, CURL *easy);
void sok_get_kernel_note(struct sok_get *g);

// get_trust.c: g->trusted.
void sok_get_trust_read(struct sok_get *g);
void sok_get_trust_free(struct sok_get *g);
// get_keys.c: TLS keys that curl writes into the file of SSLKEYLOGFILE go into the recording, too.
void sok_get_keys_open(struct sok_get *g);
void sok_get_keys_end(struct sok_get *g);
// get_words.c: what may be given more than once. An exit code.
int sok_get_add_body(struct sok_get *g, const char *text); // -d
int sok_get_add_pin(struct sok_get *g, const char *text);  // --resolve
int sok_get_add_header(struct sok_get *g, const char *text);
bool sok_get_pinned(const struct sok_get *g, const char *name, uint16_t port, struct sok_addr *out);

int sok_get_output_open(struct sok_get_output *o, int fd);                 // 0 or errno
int sok_get_output_start(struct sok_get_output *o, struct sok_host *host); // 0 or a negative error
bool sok_get_output_take(
    struct sok_get_output *o, const void *data, size_t len); // false: no room now
bool sok_get_output_room(const struct sok_get_output *o);    // for any piece curl may give
void sok_get_output_push(struct sok_get_output *o);          // what there is may be written now
// Steps the host until everything is written or a signal comes; the first errno.
int sok_get_output_finish(struct sok_get_output *o, bool whole); // whole: the page came

#endif
