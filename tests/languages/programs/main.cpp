#include <arpa/inet.h>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

static void boom(bool broken) {
    assert(!broken); // here
}

int main(int argc, char **argv) {
    const std::string mode = argv[1];
    const std::vector<std::string> rest(argv + 2, argv + argc);
    if (mode == "hello") {
        std::cout << "hello ä€😀\n";
    } else if (mode == "args") {
        for (const auto &arg : rest) std::cout << "[" << arg << "]\n";
    } else if (mode == "cat") {
        std::cout << std::cin.rdbuf();
    } else if (mode == "env") {
        std::cout << "[" << std::getenv("WORD") << "]\n";
    } else if (mode == "memory") {
        std::cout << "filling" << std::endl;
        std::vector<std::vector<char>> kept;
        for (;;) kept.emplace_back(8 << 20, 'x');
    } else if (mode == "exit") {
        return 3;
    } else if (mode == "stderr") {
        std::cout << "out\n";
        std::cerr << "err\n";
    } else if (mode == "crash") {
        boom(true);
    } else if (mode == "loop") {
        std::cout << "looping" << std::endl;
        for (volatile unsigned long turns = 0;; turns = turns + 1) {
        }
    } else if (mode == "child") {
        if (fork() == 0) {
            setsid();
            std::freopen("/dev/null", "w", stdout);
            execlp("sleep", "sleep", "6021", nullptr);
        }
        std::cout << "begun\n";
    } else if (mode == "mebibyte") {
        for (int i = 0; i < 16384; i++) std::printf("%063d\n", i);
    } else if (mode == "files") {
        std::string text;
        std::ifstream("in.txt") >> text;
        std::ofstream("out.txt") << text << "!";
    } else if (mode == "net") {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(80);
        inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        const bool connected = connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
        std::cout << (connected ? "connected\n" : "no network\n");
    }
    return 0;
}
