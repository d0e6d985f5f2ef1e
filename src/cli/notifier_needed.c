// What a program is, as far as it decides who can answer its socket calls: the dynamic linker's preload
// library, or notifications.
#include "cli/notifier.h"
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SCRIPTS_MAX  4 // interpreters of interpreters, as in the kernel
#define LINE_MAX_    256
#define HEADERS_MAX  64
#define SECTIONS_MAX 256

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#else
#define MACHINE EM_NONE
#endif

static bool at(int fd, void *to, size_t len, uint64_t offset)
{
    return pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

static bool has_interpreter(int fd, const Elf64_Ehdr *h)
{
    Elf64_Phdr p;
    for (unsigned i = 0; i < h->e_phnum && i < HEADERS_MAX; i++)
        if (at(fd, &p, sizeof(p), h->e_phoff + i * sizeof(p)) && p.p_type == PT_INTERP)
            return true;
    return false;
}

static bool is_go_section(int fd, const Elf64_Shdr *names, const Elf64_Shdr *s)
{
    static const char *const go[] = {".note.go.buildid", ".go.buildinfo", ".gopclntab"};
    char name[24] = "";
    if (pread(fd, name, sizeof(name) - 1, (off_t)(names->sh_offset + s->sh_name)) <= 0)
        return false;
    for (unsigned i = 0; i < sizeof(go) / sizeof(go[0]); i++)
        if (strcmp(name, go[i]) == 0)
            return true;
    return false;
}

static bool is_go(int fd, const Elf64_Ehdr *h)
{
    Elf64_Shdr names, s;
    if (!at(fd, &names, sizeof(names), h->e_shoff + h->e_shstrndx * sizeof(s)))
        return false;
    for (unsigned i = 0; i < h->e_shnum && i < SECTIONS_MAX; i++)
        if (at(fd, &s, sizeof(s), h->e_shoff + i * sizeof(s)) && is_go_section(fd, &names, &s))
            return true;
    return false;
}

static enum sok_notifier_reach reach_of_elf(int fd)
{
    Elf64_Ehdr h;
    if (!at(fd, &h, sizeof(h), 0) || h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != MACHINE)
        return SOK_REACH_NONE;
    if (is_go(fd, &h))
        return SOK_REACH_GO;
    return has_interpreter(fd, &h) ? SOK_REACH_PRELOAD : SOK_REACH_STATIC;
}

// `#! /path args`: the path, in place.
static const char *interpreter(char line[LINE_MAX_])
{
    char *path = line + 2 + strspn(line + 2, " \t");
    path[strcspn(path, " \t\n")] = 0;
    return *path ? path : NULL;
}

enum sok_notifier_reach sok_notifier_reach(const char *path)
{
    char line[LINE_MAX_];
    for (unsigned i = 0; path && i < SCRIPTS_MAX; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : pread(fd, line, sizeof(line) - 1, 0);
        enum sok_notifier_reach reach = SOK_REACH_UNKNOWN;
        bool script = n > 2 && memcmp(line, "#!", 2) == 0;
        if (n > 4 && memcmp(line, ELFMAG, SELFMAG) == 0)
            reach = reach_of_elf(fd);
        if (fd >= 0)
            close(fd);
        if (!script)
            return reach;
        line[n] = 0;
        path = interpreter(line);
    }
    return SOK_REACH_UNKNOWN;
}

bool sok_notifier_needed(const char *path)
{
    enum sok_notifier_reach reach = sok_notifier_reach(path);
    return reach == SOK_REACH_STATIC || reach == SOK_REACH_GO;
}
