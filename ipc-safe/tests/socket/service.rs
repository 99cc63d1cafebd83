//! Names of hosts, networks, protocols and services.

use dns_lookup::{AddrInfoHints, LookupErrorKind, getaddrinfo, getnameinfo};
use libc::{c_char, c_int};
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::ptr::null;
use std::sync::Mutex;

/// The tables of the C library are read at one place at a time.
static TABLES: Mutex<()> = Mutex::new(());

/// The tables that the libc crate leaves out, as `netdb.h` declares them.
mod c {
    use libc::{c_char, c_int};

    #[repr(C)]
    pub(super) struct Network {
        pub(super) name: *const c_char,
        pub(super) aliases: *const *const c_char,
        pub(super) family: c_int,
        /// In the order of the host.
        pub(super) number: u32,
    }

    unsafe extern "C" {
        pub(super) fn gethostent() -> *const libc::hostent;
        pub(super) fn sethostent(stay_open: c_int);
        pub(super) fn endhostent();
        pub(super) fn gethostbyname(name: *const c_char) -> *const libc::hostent;
        pub(super) fn __h_errno_location() -> *mut c_int;
        pub(super) fn getnetent() -> *const Network;
        pub(super) fn getnetbyname(name: *const c_char) -> *const Network;
        pub(super) fn getnetbyaddr(number: u32, family: c_int) -> *const Network;
        pub(super) fn setnetent(stay_open: c_int);
        pub(super) fn endnetent();
        pub(super) fn getprotoent() -> *const libc::protoent;
        pub(super) fn setprotoent(stay_open: c_int);
        pub(super) fn endprotoent();
        pub(super) fn getservent() -> *const libc::servent;
        pub(super) fn setservent(stay_open: c_int);
        pub(super) fn endservent();
        pub(super) fn inet_pton(family: c_int, text: *const c_char, address: *mut u8) -> c_int;
        pub(super) fn inet_ntop(family: c_int, address: *const u8, text: *mut c_char, len: u32) -> *const c_char;
        pub(super) fn inet_addr(text: *const c_char) -> u32;
        pub(super) fn inet_ntoa(address: u32) -> *const c_char;
    }
}

/// The text at an address that the C library gave.
fn text(address: *const c_char) -> String {
    assert!(!address.is_null());
    // SAFETY: not null, and a string of the C library, which stays until the next call.
    unsafe { CStr::from_ptr(address) }.to_str().expect("text").to_owned()
}

fn c_text(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}

/// The lines of a table, without comments, as words; none when the machine lacks the file.
fn table(path: &str) -> Vec<Vec<String>> {
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: this machine has no {path}");
        return Vec::new();
    };
    let words = |line: &str| line.split('#').next().unwrap_or("").split_whitespace().map(str::to_owned).collect();
    text.lines().map(words).filter(|words: &Vec<_>| !words.is_empty()).collect()
}

/// R-SOCK-06: std's parsers and the C library's agree; the C library's ends and errors.
#[test]
fn addresses_and_their_text() {
    let parse = |family, text: &str| {
        let mut address = [0; 16];
        // SAFETY: reads a string and writes at most 16 bytes.
        let result = unsafe { c::inet_pton(family, c_text(text).as_ptr(), address.as_mut_ptr()) };
        (result, address)
    };
    for text in ["1.2.3.4", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4 ", ""] {
        let (result, address) = parse(libc::AF_INET, text);
        let std = text.parse::<Ipv4Addr>();
        assert_eq!(result == 1, std.is_ok(), "{text}");
        assert!(std.is_err() || address[..4] == std.unwrap().octets());
    }
    for text in ["::", "::1", "fe80::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1::2::3", "12345::", "1.2.3.4"] {
        let (result, address) = parse(libc::AF_INET6, text);
        let std = text.parse::<Ipv6Addr>();
        assert_eq!(result == 1, std.is_ok(), "{text}");
        assert!(std.is_err() || address == std.unwrap().octets());
    }
    assert_eq!(parse(libc::AF_UNIX, "x").0, -1);
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EAFNOSUPPORT));

    let print = |family, address: &[u8; 16], len| {
        let mut room = [0 as c_char; 64];
        // SAFETY: reads at most 16 bytes and writes at most `len`, which is at most 64.
        let result = unsafe { c::inet_ntop(family, address.as_ptr(), room.as_mut_ptr(), len) };
        (!result.is_null()).then(|| text(result))
    };
    let mut address = [0xff; 16];
    assert_eq!(print(libc::AF_INET, &address, 16).unwrap(), "255.255.255.255");
    assert_eq!(print(libc::AF_INET, &address, 15), None);
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOSPC));
    assert_eq!(print(libc::AF_INET6, &address, 46).unwrap(), Ipv6Addr::from(address).to_string());
    address = Ipv6Addr::LOCALHOST.octets();
    assert_eq!(print(libc::AF_INET6, &address, 46).unwrap(), "::1");
    // The old pair: IPv4 only, and an error that is an address.
    // SAFETY: reads a string.
    let old = |text: &str| unsafe { c::inet_addr(c_text(text).as_ptr()) }.to_ne_bytes();
    assert_eq!((old("1.2.3.4"), old("255.255.255.255"), old("nonsense")), ([1, 2, 3, 4], [255; 4], [255; 4]));
    assert_eq!("255.255.255.255".parse::<Ipv4Addr>().unwrap(), Ipv4Addr::BROADCAST);
    let _tables = TABLES.lock().unwrap();
    // SAFETY: takes a number; the string stays until the next call.
    assert_eq!(text(unsafe { c::inet_ntoa(u32::from_ne_bytes([1, 2, 3, 4])) }), "1.2.3.4");
}

/// R-SOCK-07, mistakes 77 and 78
#[test]
fn hosts() {
    let _tables = TABLES.lock().unwrap();
    let names = |line: &[String]| line[1..].to_vec();
    let expected: Vec<String> =
        table("/etc/hosts").iter().filter(|line| line[0].contains('.')).flat_map(|line| names(line)).collect();
    let mut found = Vec::new();
    // SAFETY: the calls of one table, one after the other; each entry is read before the next call.
    unsafe {
        c::sethostent(1);
        while let Some(entry) = c::gethostent().as_ref() {
            found.push(text(entry.h_name));
            let mut alias = entry.h_aliases;
            while !(*alias).is_null() {
                found.push(text(*alias));
                alias = alias.add(1);
            }
        }
        c::endhostent();
    }
    for name in expected {
        assert!(found.contains(&name), "{name}: {found:?}");
    }
    // Not errno but h_errno says why a name is not found.
    // SAFETY: reads a string; then the thread's own variable.
    let (missing, why) = unsafe {
        let missing = c::gethostbyname(c_text("no such name").as_ptr()).is_null();
        (missing, *c::__h_errno_location())
    };
    const HOST_NOT_FOUND: c_int = 1;
    const NO_RECOVERY: c_int = 3;
    assert!(missing && (HOST_NOT_FOUND..=NO_RECOVERY).contains(&why), "{why}");
    // std asks the same services, of which a file is one.
    assert!("localhost:1".to_socket_addrs().unwrap().any(|address| address.ip().is_loopback()));
}

/// R-SOCK-08, mistake 76
#[test]
fn networks() {
    let _tables = TABLES.lock().unwrap();
    let mut found = Vec::new();
    // SAFETY: as above.
    unsafe {
        c::setnetent(1);
        while let Some(entry) = c::getnetent().as_ref() {
            assert!(entry.family == libc::AF_INET && !entry.aliases.is_null());
            found.push((text(entry.name), entry.number));
        }
        c::endnetent();
    }
    for line in table("/etc/networks") {
        let mut octets = line[1].split('.').map(|part| part.parse::<u8>().unwrap());
        let number = u32::from_be_bytes(std::array::from_fn(|_| octets.next().unwrap_or(0)));
        let Some((_, theirs)) = found.iter().find(|(name, _)| *name == line[0]) else { panic!("{line:?}: {found:?}") };
        // In the order of the host; zero bytes at the end may be left out.
        assert!((0..4).any(|bytes| *theirs == number >> (8 * bytes)), "{line:?}: {theirs:#x}");
        // SAFETY: reads a string; the entry is read before the next call.
        let by_name = unsafe { c::getnetbyname(c_text(&line[0]).as_ptr()).as_ref() }.map(|entry| entry.number);
        assert_eq!(by_name, Some(*theirs));
        // SAFETY: takes numbers.
        let by_number = unsafe { c::getnetbyaddr(*theirs, libc::AF_INET).as_ref() }.map(|entry| text(entry.name));
        assert_eq!(by_number.as_ref(), Some(&line[0]));
    }
}

/// R-SOCK-09, mistake 75
#[test]
fn protocols() {
    let _tables = TABLES.lock().unwrap();
    let mut found = Vec::new();
    // SAFETY: as above.
    unsafe {
        c::setprotoent(1);
        while let Some(entry) = c::getprotoent().as_ref() {
            found.push((text(entry.p_name), entry.p_proto));
        }
        c::endprotoent();
    }
    for line in table("/etc/protocols") {
        let entry = (line[0].clone(), line[1].parse().unwrap());
        assert!(found.contains(&entry), "{entry:?}");
    }
    if found.is_empty() {
        return println!("skipped: this machine has no table of protocols");
    }
    // SAFETY: reads a string; the entry is read before the next call.
    let tcp = unsafe { libc::getprotobyname(c_text("TCP").as_ptr()).as_ref() }.map(|entry| entry.p_proto);
    assert_eq!(tcp, Some(libc::IPPROTO_TCP), "an alias");
    // SAFETY: takes a number.
    let udp = unsafe { libc::getprotobynumber(libc::IPPROTO_UDP).as_ref() }.map(|entry| text(entry.p_name));
    assert_eq!(udp.as_deref(), Some("udp"));
    // SAFETY: as above.
    assert!(unsafe { libc::getprotobyname(c_text("no such protocol").as_ptr()) }.is_null());
}

/// R-SOCK-10, mistakes 75 and 76
#[test]
fn services() {
    let _tables = TABLES.lock().unwrap();
    let mut found = Vec::new();
    // SAFETY: as above.
    unsafe {
        c::setservent(1);
        while let Some(entry) = c::getservent().as_ref() {
            // In the order of the network.
            found.push((text(entry.s_name), u16::from_be(entry.s_port as u16), text(entry.s_proto)));
        }
        c::endservent();
    }
    for line in table("/etc/services") {
        let (port, protocol) = line[1].split_once('/').unwrap();
        let entry = (line[0].clone(), port.parse().unwrap(), protocol.to_owned());
        assert!(found.contains(&entry), "{entry:?}");
    }
    if found.is_empty() {
        return println!("skipped: this machine has no table of services");
    }
    let by_name = |name: &str, protocol: *const c_char| {
        // SAFETY: reads one string, and another unless it is null; the entry is read before the next call.
        unsafe { libc::getservbyname(c_text(name).as_ptr(), protocol).as_ref() }
            .map(|entry| u16::from_be(entry.s_port as u16))
    };
    assert_eq!((by_name("domain", null()), by_name("domain", c"udp".as_ptr())), (Some(53), Some(53)));
    assert_eq!((by_name("no such service", null()), by_name("domain", c"no".as_ptr())), (None, None));
    // SAFETY: reads a string; the entry is read before the next call.
    let name =
        unsafe { libc::getservbyport(c_int::from(53_u16.to_be()), null()).as_ref() }.map(|entry| text(entry.s_name));
    assert_eq!(name.as_deref(), Some("domain"));
}

/// The addresses of a name, or the error number.
fn look_up(node: Option<&str>, service: Option<&str>, flags: c_int) -> Result<Vec<SocketAddr>, c_int> {
    let hints = AddrInfoHints { flags, socktype: libc::SOCK_STREAM, ..AddrInfoHints::default() };
    match getaddrinfo(node, service, Some(hints)) {
        Ok(found) => Ok(found.map(|entry| entry.unwrap().sockaddr).collect()),
        Err(error) => Err(error.error_num()),
    }
}

/// R-SOCK-11, mistakes 78 and 79
#[test]
fn names_and_services_have_addresses() {
    const NUMERIC: c_int = libc::AI_NUMERICHOST | libc::AI_NUMERICSERV;
    let v4 = |address: [u8; 4], port| SocketAddr::from((address, port));
    assert_eq!(look_up(Some("1.2.3.4"), Some("80"), NUMERIC).unwrap(), [v4([1, 2, 3, 4], 80)]);
    assert_eq!(look_up(Some("1.2.3.4"), None, NUMERIC).unwrap(), [v4([1, 2, 3, 4], 0)]);
    // Without a node: this machine, or any address of it to listen at.
    assert!(look_up(None, Some("80"), 0).unwrap().iter().any(|address| address.ip() == Ipv4Addr::LOCALHOST));
    assert!(look_up(None, Some("80"), libc::AI_PASSIVE).unwrap().contains(&v4([0, 0, 0, 0], 80)));
    assert!(look_up(Some("localhost"), Some("1"), 0).unwrap().iter().all(|address| address.ip().is_loopback()));
    // With the flags, names are not looked up but refused.
    assert_eq!(look_up(Some("localhost"), Some("80"), NUMERIC), Err(libc::EAI_NONAME));
    assert_eq!(look_up(Some("1.2.3.4"), Some("http"), NUMERIC), Err(libc::EAI_NONAME));
    // dns-lookup does not ask for nothing at all; the C library refuses it.
    let mut found = std::ptr::null_mut();
    // SAFETY: takes no strings; writes an address, of a list that is not there.
    assert_eq!(unsafe { libc::getaddrinfo(null(), null(), null(), &raw mut found) }, libc::EAI_NONAME);
    assert_eq!(look_up(Some("1.2.3.4"), None, 1 << 14), Err(libc::EAI_BADFLAGS));
    // SAFETY: takes a number; a string in static data.
    let reason = text(unsafe { libc::gai_strerror(libc::EAI_NONAME) });
    assert_eq!(reason, "Name or service not known");
    let error =
        getaddrinfo(Some("localhost"), None, Some(AddrInfoHints { flags: NUMERIC, ..AddrInfoHints::default() }));
    assert!(matches!(error.map(drop).unwrap_err().kind(), LookupErrorKind::NoName));
}

/// R-SOCK-11: of the fields of the hints, family, kind and protocol choose; some flags add to the answer.
#[test]
fn hints_choose_among_addresses() {
    let entries =
        |hints: AddrInfoHints| getaddrinfo(Some("127.0.0.1"), Some("80"), Some(hints)).map(Iterator::collect::<Vec<_>>);
    let all = entries(AddrInfoHints::default()).unwrap();
    let kinds: Vec<_> = all.iter().map(|entry| entry.as_ref().unwrap().socktype).collect();
    assert!(kinds.contains(&libc::SOCK_STREAM) && kinds.contains(&libc::SOCK_DGRAM), "{kinds:?}");
    let udp = entries(AddrInfoHints { protocol: libc::IPPROTO_UDP, ..AddrInfoHints::default() }).unwrap();
    assert!(udp.iter().all(|entry| entry.as_ref().unwrap().socktype == libc::SOCK_DGRAM));
    let wrong = entries(AddrInfoHints { address: libc::AF_INET6, ..AddrInfoHints::default() });
    assert!(wrong.is_err());
    // An address of IPv4 as one of IPv6; all of both, where there are both.
    let mapped = libc::AI_V4MAPPED | libc::AI_ALL;
    let mapped = entries(AddrInfoHints { address: libc::AF_INET6, flags: mapped, ..AddrInfoHints::default() }).unwrap();
    let expected = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert!(mapped.iter().all(|entry| entry.as_ref().unwrap().sockaddr.ip() == expected), "{mapped:?}");
    let named = entries(AddrInfoHints { flags: libc::AI_CANONNAME, ..AddrInfoHints::default() }).unwrap();
    assert_eq!(named[0].as_ref().unwrap().canonname.as_deref(), Some("127.0.0.1"));
    // Only families that this machine has an address of: on a machine without a network, perhaps none.
    match entries(AddrInfoHints { flags: libc::AI_ADDRCONFIG, ..AddrInfoHints::default() }) {
        Ok(found) => assert!(!found.is_empty()),
        Err(error) => assert!(matches!(error.kind(), LookupErrorKind::NoName | LookupErrorKind::NoData), "{error:?}"),
    }
}

/// R-SOCK-12
#[test]
fn addresses_have_names() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
    let numeric = getnameinfo(&address, libc::NI_NUMERICHOST | libc::NI_NUMERICSERV).unwrap();
    assert_eq!(numeric, ("127.0.0.1".to_owned(), "53".to_owned()));
    let nameless = SocketAddr::from(([192, 0, 2, 1], 1));
    // Without a name, the number; unless a name is required. Some machines have a name for everything.
    let (host, _) = getnameinfo(&nameless, libc::NI_NUMERICHOST).unwrap();
    assert_eq!(host, "192.0.2.1");
    let (host, _) = getnameinfo(&address, libc::NI_NOFQDN).unwrap();
    assert!(!host.is_empty() && !host.contains('/'));
    match getnameinfo(&nameless, libc::NI_NAMEREQD) {
        Err(error) => assert!(matches!(error.kind(), LookupErrorKind::NoName | LookupErrorKind::Again), "{error:?}"),
        Ok((name, _)) => assert!(name.parse::<IpAddr>().is_err()),
    }
    if std::path::Path::new("/etc/services").exists() {
        let service = |port, flags| {
            getnameinfo(&SocketAddr::from(([127, 0, 0, 1], port)), libc::NI_NUMERICHOST | flags).unwrap().1
        };
        assert_eq!((service(53, 0), service(53, libc::NI_DGRAM)), ("domain".to_owned(), "domain".to_owned()));
        assert_eq!((service(69, 0), service(69, libc::NI_DGRAM)), ("69".to_owned(), "tftp".to_owned()));
    }
    // Too little room is an error.
    let address = socket2::SockAddr::from(address);
    let mut room = [0 as c_char; 4];
    // SAFETY: reads an address of its length, and writes at most four bytes.
    let result = unsafe {
        let no_service = std::ptr::null_mut();
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            room.as_mut_ptr(),
            4,
            no_service,
            0,
            libc::NI_NUMERICHOST,
        )
    };
    assert_eq!(result, libc::EAI_OVERFLOW);
}

/// R-SOCK-22
#[test]
fn the_name_of_this_machine() {
    let name = rustix::system::uname().nodename().to_str().unwrap().to_owned();
    assert_eq!(dns_lookup::get_hostname().unwrap(), name);
    let mut room = [MaybeUninit::<c_char>::zeroed(); 1];
    // SAFETY: writes at most one byte.
    let result = unsafe { libc::gethostname(room.as_mut_ptr().cast(), 1) };
    assert_eq!((result, std::io::Error::last_os_error().raw_os_error()), (-1, Some(libc::ENAMETOOLONG)));
    crate::alone::alone(|| {
        // The name of a namespace of its own may be changed, where there are the rights; elsewhere nobody else's is.
        // SAFETY: takes a number; concerns this process only.
        if unsafe { libc::unshare(libc::CLONE_NEWUTS) } != 0 {
            let refused = rustix::system::sethostname(b"other");
            return assert_eq!(refused, Err(rustix::io::Errno::PERM));
        }
        rustix::system::sethostname(b"other").unwrap();
        assert_eq!(dns_lookup::get_hostname().unwrap(), "other");
        assert_eq!(rustix::system::sethostname(&[b'x'; 65]), Err(rustix::io::Errno::INVAL));
    });
}
