/* Preloaded: writes down every address that a program would reach over IP, and lets it reach this machine only.
   Compiled code is seen as Python is, for both call the C library. One line each: the call, a space, the address or name. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void note(const char *call, const char *where) {
    char line[512];
    const char *path = getenv("NETWORK_GUARD_LOG");
    int length = snprintf(line, sizeof line, "%s %s\n", call, where), log;
    if (!path || (log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0) abort();
    if (write(log, line, length < (int)sizeof line ? length : (int)sizeof line - 1) < 0) abort();
    close(log);
}

/* 0: no internet address; 1: this machine; -1: another one. */
static int judge(const char *call, const struct sockaddr *to) {
    char text[INET6_ADDRSTRLEN];
    int here;
    if (to && to->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)to;
        inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
        here = ntohl(four->sin_addr.s_addr) >> 24 == 127;
    } else if (to && to->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)to;
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
        here = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    } else {
        return 0;
    }
    note(call, text);
    if (here) return 1;
    errno = ENETUNREACH;
    return -1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int connect(int socket, const struct sockaddr *to, socklen_t length) {
    return judge("connect", to) < 0 ? -1 : NEXT(connect)(socket, to, length);
}

ssize_t sendto(int socket, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    return judge("sendto", to) < 0 ? -1 : NEXT(sendto)(socket, data, size, flags, to, length);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
    return judge("sendmsg", message->msg_name) < 0 ? -1 : NEXT(sendmsg)(socket, message, flags);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    struct in6_addr address;
    if (host && strcmp(host, "localhost") && inet_pton(AF_INET, host, &address) != 1 && inet_pton(AF_INET6, host, &address) != 1) {
        note("getaddrinfo", host);
        return EAI_AGAIN;
    }
    return NEXT(getaddrinfo)(host, service, hints, found);
}

struct hostent *gethostbyname(const char *host) {
    note("gethostbyname", host);
    h_errno = TRY_AGAIN;
    return NULL;
}

int gethostbyname_r(const char *host, struct hostent *into, char *buffer, size_t size, struct hostent **found, int *error) {
    (void)into, (void)buffer, (void)size;
    note("gethostbyname", host);
    *found = NULL;
    *error = TRY_AGAIN;
    return EAGAIN;
}
