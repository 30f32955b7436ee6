//! Good addresses, and many more bad ones.

use super::*;

fn judged(text: &str, allowed: &[&str]) -> Verdict {
    let allowed: Vec<_> = allowed
        .iter()
        .map(|one| Network::parse(one).unwrap())
        .collect();
    judge(text.parse().unwrap(), &allowed)
}

#[test]
fn what_is_anybodys_is_connected_to() {
    for text in [
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2600::1",
        "2a00:1450:4001:82a::200e",
        "2001:4860:4860::8888",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::808:808",
    ] {
        assert_eq!(judged(text, &[]), Verdict::Public, "{text}");
    }
}

#[test]
fn what_is_of_this_machine_or_network_is_private_in_every_form() {
    for text in [
        "127.0.0.1",
        "127.1.2.3",
        "127.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:c0a8:101",
        "::127.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.1.2.3",
        "fc00::1",
        "fd12:3456:789a::1",
        "fdff:ffff::1",
    ] {
        assert_eq!(judged(text, &[]), Verdict::Private, "{text}");
    }
}

const NEVER: [&str; 50] = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::ffff:0.0.0.0",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "::ffff:224.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "64:ff9b:0:0:0:1:808:808",
    "100::1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "::2:0:0",
    "::ffff:0:7f00:1",
];

#[test]
fn some_are_never_connected_to_whatever_is_allowed() {
    let everything = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    ];
    for text in NEVER {
        assert_eq!(judged(text, &everything), Verdict::Never, "{text}");
    }
}

#[test]
fn a_network_allows_what_lies_in_it_and_nothing_beside() {
    for (allowed, text, verdict) in [
        ("127.0.0.0/8", "127.0.0.1", Verdict::Allowed),
        ("127.0.0.1/32", "127.0.0.1", Verdict::Allowed),
        ("127.0.0.1/32", "127.0.0.2", Verdict::Private),
        ("127.0.0.0/8", "::ffff:127.0.0.1", Verdict::Allowed),
        ("127.0.0.0/8", "64:ff9b::7f00:1", Verdict::Allowed),
        ("127.0.0.0/8", "::1", Verdict::Private),
        ("::1/128", "127.0.0.1", Verdict::Private),
        ("::1/128", "::1", Verdict::Allowed),
        ("10.1.0.0/16", "10.1.255.255", Verdict::Allowed),
        ("10.1.0.0/16", "10.2.0.0", Verdict::Private),
        ("10.1.0.0/16", "10.0.255.255", Verdict::Private),
        ("fd00:1::/32", "fd00:1:2::3", Verdict::Allowed),
        ("fd00:1::/32", "fd00:2::3", Verdict::Private),
        ("fc00::/7", "fdff::1", Verdict::Allowed),
    ] {
        assert_eq!(judged(text, &[allowed]), verdict, "{allowed} {text}");
    }
}

#[test]
fn what_is_no_private_network_is_not_allowed_by_mistake() {
    for text in [
        "",
        "/",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/33",
        "10.0.0.0/ 8",
        "10.0.0.0/0x8",
        "10.0.0.1/8",
        "10/8",
        "10.0.0/8",
        "010.0.0.0/8",
        "::1/129",
        "::1/64",
        "fd00::1/32",
        "localhost/8",
        "10.0.0.0/8/8",
        "[::1]/128",
    ] {
        assert_eq!(Network::parse(text), Err(NetworkError::Malformed), "{text}");
    }
    for text in [
        "0.0.0.0/0",
        "::/0",
        "8.8.8.0/24",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "10.0.0.0/7",
        "172.0.0.0/11",
        "192.0.0.0/8",
        "224.0.0.0/4",
        "fe80::/10",
        "2000::/3",
        "fc00::/6",
        "::ffff:0:0/96",
        "::ffff:7f00:1/128",
    ] {
        assert_eq!(
            Network::parse(text),
            Err(NetworkError::NotPrivate),
            "{text}"
        );
    }
}
