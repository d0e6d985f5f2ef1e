// rdpcap: Ctrl-C keeps what was read so far; wrpcap.
#include <stdio.h>
#include <string.h>
#include "lua/net.h"

int sok_lua_rdpcap(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct sok_capture_record record;
    lua_Integer n = 0, count = 0;
    int r = 0;
    lua_settop(L, 2);
    sok_lua_options_check(L, 2, "count filter");
    count = sok_lua_option_integer(L, 2, "count", 0, 0, LUA_MAXINTEGER);
    const char *filter = sok_lua_option_text(L, 2, "filter", NULL);
    struct sok_lua_job *job = sok_lua_job_new(L);
    if (sok_capture_file_open(sok_lua_mem(L), path, filter, &job->file, job->err) < 0)
        sok_lua_job_fail(L, job);
    sok_lua_push_list(L);
    sok_lua_name_list(L, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    while ((count == 0 || n < count) &&
           (r = sok_capture_file_next(job->file, &record, job->err)) == 1) {
        sok_lua_push_record(L, job, &record);
        lua_rawseti(L, -2, ++n);
        if (sok_lua_interrupt_taken(L)) {
            fprintf(stderr, "sockeye: %s: stopped after %lld packets\n", path, (long long)n);
            r = 0;
            break;
        }
    }
    if (r < 0)
        sok_lua_job_fail(L, job);
    sok_lua_job_end(job);
    return 1;
}

static uint16_t linktype_of(lua_State *L, const struct sok_proto *first)
{
    if (first->linktype_count)
        return first->linktypes[0];
    if (strcmp(first->name, "IP") == 0 || strcmp(first->name, "IPv6") == 0)
        return SOK_CAPTURE_RAW;
    sok_lua_error(L,
        "a packet that begins with %s has no place in a file: put Ether, IP or IPv6 before it",
        first->name);
    return 0;
}

int sok_lua_wrpcap(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct sok_lua_each each;
    lua_settop(L, 3);
    sok_lua_options_check(L, 3, "append gz nano");
    const struct sok_dump_options o = {.append = sok_lua_option_true(L, 3, "append", false),
        .gzip = sok_lua_option_true(L, 3, "gz", false),
        .nano = sok_lua_option_true(L, 3, "nano", false)};
    sok_lua_each_count(L, 2); // an error before the file is there
    struct sok_lua_job *job = sok_lua_job_new(L);
    if (sok_dump_open(sok_lua_mem(L), path, &o, &job->dump, job->err) < 0)
        sok_lua_job_fail(L, job);
    sok_lua_each_begin(L, 2, &each);
    while (sok_lua_each_next(L, &each)) {
        size_t len;
        const struct sok_lua_view *view = sok_lua_check_view(L, -1);
        const uint8_t *data = sok_lua_build(L, -1, &len);
        const struct sok_capture_record record = {
            .time = view->box->time_ns ? view->box->time_ns : sok_lua_wall(),
            .data = data,
            .len = (uint32_t)len,
            .linktype = linktype_of(L, view->proto),
            .interface_name = sok_lua_push_sniffed_on(L, view->box->sniffed_on),
        };
        if (sok_dump_put(job->dump, &record, job->err) < 0)
            sok_lua_job_fail(L, job);
        lua_pop(L, 2);
    }
    struct sok_dump *dump = job->dump;
    job->dump = NULL;
    if (sok_dump_close(dump, job->err) < 0)
        sok_lua_job_fail(L, job);
    sok_lua_job_end(job);
    return 0;
}
