//! A simulated IB Gateway for people without an account: `cargo xtask gateway [--port 4002] [--speed 1] [--control 4003]`.
//!
//! The control port takes lines: `half bars times=1`, `stall:3000 symbol=AAPL`, `heal`, `split`, `log`, `violations`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use tests::gateway::{Fault, Gateway, Options, Rule};

fn main() {
    let (mut options, mut control) = (Options { port: 4002, ..Options::default() }, 4003);
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks(2) {
        let number = pair.get(1).and_then(|word| word.parse::<u32>().ok());
        match (pair[0].as_str(), number) {
            ("--port", Some(number)) => options.port = number as u16,
            ("--speed", Some(number)) => options.speed = number.max(1),
            ("--version", Some(number)) => options.version = number,
            ("--control", Some(number)) => control = number as u16,
            _ => {
                eprintln!("usage: gateway [--port 4002] [--control 4003] [--speed 1] [--version 226]");
                std::process::exit(2);
            }
        }
    }
    let gateway = Gateway::start(options);
    eprintln!(
        "simulated gateway at {}; it knows AAPL, MSFT, IBM and SPY. Bars are made up.",
        gateway.address()
    );
    eprintln!("control port: 127.0.0.1:{control} (lines such as `half bars times=1`, `log`, `heal`)");
    let listener = TcpListener::bind(("127.0.0.1", control)).expect("the control port is free");
    for stream in listener.incoming().flatten() {
        let _ = serve(&gateway, stream);
    }
}

fn serve(gateway: &Gateway, stream: TcpStream) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        answers.write_all(format!("{}\n", answer(gateway, line?.trim())).as_bytes())?;
    }
    Ok(())
}

fn answer(gateway: &Gateway, line: &str) -> String {
    match line {
        "heal" => gateway.heal(),
        "split" => gateway.split(),
        "log" => {
            let lines = gateway.log();
            let line = |logged: &tests::gateway::Logged| {
                format!("{} {} ms {} {}", logged.number, logged.at, logged.kind, logged.words)
            };
            return lines.iter().map(line).collect::<Vec<_>>().join("\n");
        }
        "violations" => return gateway.violations().join("\n"),
        _ => {
            let (fault, rule) = line.split_once(' ').unwrap_or((line, ""));
            match (fault.parse::<Fault>(), rule.parse::<Rule>()) {
                (Ok(fault), Ok(rule)) => gateway.break_with(rule, fault),
                (Err(error), _) | (_, Err(error)) => return error,
            }
        }
    }
    "ok".into()
}
