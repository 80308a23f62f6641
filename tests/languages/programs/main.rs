use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

fn boom() {
    panic!("it broke"); // here
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap();
    match mode.as_str() {
        "hello" => println!("hello ä€😀"),
        "args" => args.for_each(|arg| println!("[{arg}]")),
        "cat" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).unwrap();
            print!("{text}");
        }
        "env" => println!("[{}]", std::env::var("WORD").unwrap()),
        "memory" => {
            println!("filling");
            let mut kept = Vec::new();
            loop {
                kept.push(vec![kept.len() as u8 | 1; 8 << 20]);
            }
        }
        "exit" => std::process::exit(3),
        "stderr" => {
            println!("out");
            eprintln!("err");
        }
        "crash" => boom(),
        "loop" => {
            println!("looping");
            loop {
                std::hint::spin_loop();
            }
        }
        "child" => {
            Command::new("setsid").args(["sleep", "6021"]).stdout(Stdio::null()).spawn().unwrap();
            println!("begun");
        }
        "mebibyte" => {
            let mut out = std::io::BufWriter::new(std::io::stdout());
            for number in 0..16384 {
                writeln!(out, "{number:063}").unwrap();
            }
        }
        "files" => {
            let text = std::fs::read_to_string("in.txt").unwrap();
            std::fs::write("out.txt", text + "!").unwrap();
        }
        "net" => {
            let connected = TcpStream::connect_timeout(&"192.0.2.1:80".parse().unwrap(), Duration::from_secs(5)).is_ok();
            println!("{}", if connected { "connected" } else { "no network" });
        }
        _ => {}
    }
}
