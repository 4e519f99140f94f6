"""Lines that try a tokenizer: many scripts, emoji, runs of white space, digits, CRLF, code.

Only strings that are valid UTF-8 and hold no special token of the model. Used by lm_reference.py.
"""
import random

BASE = [
    "The quick brown fox jumps over the lazy dog.",
    "It's what they'd said: we're sure I'm late, you'll see, they've gone, he'd know, don't.",
    "IT'S WHAT THEY'D SAID: WE'RE SURE I'M LATE, YOU'LL SEE, THEY'VE GONE.",
    "ſt long s and 'ſ, K'elvin \u212a'\u017f",
    "Die Straße nach Köln ist für Fußgänger gesperrt; größere Umwege möglich.",
    "L'été dernier, où étiez-vous ? « À Noël », dit-elle.",
    "El niño comió piñas en la montaña. ¿Qué? ¡Sí!",
    "Olá, você não está à vontade? Ação, coração.",
    "Zażółć gęślą jaźń.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Árvíztűrő tükörfúrógép.",
    "Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul ıssız.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Щастям б'єш жук їх глицю в фон й ґедзь пріч.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "שלום עולם, מה שלומך היום? עִבְרִית",
    "مرحبا بالعالم، كيف حالك اليوم؟ العَرَبِيَّة ١٢٣٤",
    "سلام دنیا، حال شما چطور است؟ ۱۲۳",
    "नमस्ते दुनिया, आप कैसे हैं? १२३ क्षत्रिय",
    "হ্যালো বিশ্ব, কেমন আছো? ১২৩",
    "வணக்கம் உலகம், எப்படி இருக்கிறீர்கள்?",
    "హలో ప్రపంచం ఎలా ఉన్నారు?",
    "สวัสดีชาวโลก สบายดีไหม ๑๒๓",
    "ສະບາຍດີຊາວໂລກ",
    "မင်္ဂလာပါ ကမ္ဘာ",
    "ជំរាបសួរ ពិភពលោក",
    "გამარჯობა მსოფლიო",
    "Բարեւ աշխարհ",
    "ሰላም ልዑል ፩፪፫",
    "你好，世界！今天天气怎么样？一二三",
    "繁體中文測試：龍龜鬱。",
    "こんにちは世界。カタカナ ﾊﾝｶｸ ひらがな漢字、全角１２３ＡＢＣ",
    "안녕하세요 세계! 한글 테스트 각",
    "Xin chào thế giới, bạn khỏe không? Tiếng Việt",
    "decomposed: e\u0301 a\u030a o\u0308 n\u0303 \u1100\u1161\u11a8",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚 ℌ ℝ ⅷ Ⅻ ½ ¾ ² ³ ① ⑳ ㊿",
    "🙂 😀😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪🇫🇷 🏳️‍🌈 ❤️ ☃ ✅",
    "a🙂b 1🙂2 🙂. .🙂",
    "1234567890 3.14159 1,000,000 0x1F 1e-9 12:34:56 2026-11-25 +49-30-123456",
    "v1.2.3-rc4 a1b2c3 100% $5.00 €7,50 £3 ¥900 #42 @user",
    "room 101, 22nd 3rd 4x4 7up 50/50",
    "",
    " ",
    "  ",
    "   x",
    "x   ",
    "\t",
    "\t\tx\t\ty",
    "\n",
    "\n\n\n",
    "a\nb\n\nc\n\n\nd",
    "a\r\nb\r\n\r\nc",
    "\r",
    " \r\n x \r y",
    "  \n  \n  x",
    "trailing spaces   \n",
    "a \u00a0b\u2003c\u3000d\u200be\ufefff",
    "\u2028line\u2029para\x0bvt\x0cff\x85nel",
    "x" * 60,
    "aaaaaaaa bbbbbbbb" * 4,
    "=" * 40,
    "-" * 13 + "\n" + "_" * 17,
    "!?!?!?...…—–‘’“”«»",
    "def f(x):\n    if x > 0:\n        return x ** 2\n    return None\n",
    "for (int i = 0; i < n; ++i) {\n\ta[i] += b[i] * c;\n}\n",
    "fn main() -> Result<(), Box<dyn Error>> { println!(\"{}\", 1); Ok(()) }",
    "SELECT * FROM t WHERE a='x' AND b<>3;",
    "<html><body class=\"a\">&amp; &lt;p&gt;</body></html>",
    "{\"a\": [1, 2, {\"b\": null}], \"c\": \"d\\n\"}",
    "https://example.org/a/b?c=d&e=%20f#g mail@example.org",
    "C:\\Users\\name\\file.txt /usr/local/bin ~/x $HOME `ls -la | wc`",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "# Title\n\n* item\n  * nested\n1. one\n",
    "\\frac{a}{b} \\sum_{i=0}^{n} x_i^2 \\le \\infty ∀x∈ℝ ∃y: x²≤y",
    "CamelCaseWord snake_case_word kebab-case-word SCREAMING_CASE",
    "<|im_start <| im_end|> <|endoftext <repo-name>",
    "'s 't 're 've 'm 'll 'd 'S 'T 'RE",
    "don''t ''s '' ' s",
    "’s curly’t quotes’re",
    "ÅÄÖåäöÆØæøÐÞðþŁłŒœ",
    "\u0000\u0001\u0004\u0006\u0013\u001d\u007f\u0080\u009f",
    "\U0001f9ff\U00040000\U000e0001\U0010ffff",
    "ᚠᛇᚻ ᛒᛦᚦ 𐌰𐌱 𓀀𓀁 ꙮ ⵣ ߊߋ",
    "ªº ʰ ˈ ͵ ՚ ״ ׀",
    "क् ष ा ् ਪੰਜਾਬੀ ગુજરાતી ଓଡ଼ିଆ ಕನ್ನಡ മലയാളം සිංහල བོད་སྐད་",
]


def lines():
    """The base lines, then joined and cut ones from a fixed seed; 400 in all."""
    rng = random.Random(20261125)
    out = list(BASE)
    glue = ["", " ", "  ", "\n", "\r\n", "\n\n  ", "\t", "1", "12 ", ". ", "'s ", "_", "🙂", "\u00a0", "é", "\n    "]
    while len(out) < 400:
        parts = []
        for _ in range(rng.randint(2, 4)):
            s = rng.choice(BASE)
            if s:
                a = rng.randrange(len(s))
                s = s[a : a + rng.randint(1, 24)]
            parts.append(s)
            parts.append(rng.choice(glue))
        out.append("".join(parts))
    return out
