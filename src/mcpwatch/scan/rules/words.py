"""The vocabulary the rules are written in: word classes, and the words of each.

A rule never lists words of its own; it is a pattern over these classes (`pattern.py`), so one pattern covers every
synonym and inflection, and gains whatever word is added here. A word belongs to one class. Bare verbs and
participles are listed, third persons are not: "read the file" is an order, "reads the file" describes a tool.
A phrase of two or three words is written with spaces and becomes one token.
"""

from __future__ import annotations

ENGLISH: dict[str, str] = {
    # Who
    "USER": (
        "user users human humans operator customer them him anyone anybody somebody person people victim "
        "end-user end-users"
    ),
    "AGENT": "you assistant agent model llm ai chatbot copilot claude gpt cursor",
    # Force
    "MUST": (
        "must shall mandatory required require requires need needs obliged obligatory compulsory imperative "
        "essential|have to|has to|is to|are to|make sure|be sure|make certain|under no circumstances"
        "|it is critical|it's critical|needed|forced|crucial|vital|is expected to|are expected to|expected to"
        "|be to be|is to be|are to be"
    ),
    "ALWAYS": "always automatically unconditionally invariably|at all times|by default",
    "SHOULD": "should ought please kindly remember recommended advised supposed",
    "NOT": (
        "nobody doesn't isn't aren't wouldn't shan't not never don't dont no nor cannot can't mustn't shouldn't "
        "needn't avoid refrain won't|do not|does not|must not|should not|no need|no one|need not"
    ),
    "WITHOUT": "without",
    # When
    "BEFORE": "before prior preceding|prior to|ahead of|in advance",
    "AFTER": "after afterwards afterward then subsequently next finally following",
    "WHEN": "when if once upon while during where anytime",
    "FIRST": "first firstly beforehand initially immediately|at the start|to begin",
    "ALSO": "also additionally too furthermore plus",
    # Doing
    "CALL": (
        "call calling called use using used invoke invoking invoked consult consulted utilize utilizing trigger "
        "select prefer prioritize prioritise pick favor rely calls"
    ),
    "RUN": (
        "run running execute executing executed perform performing launch start performed ran proceed proceeding "
        "processing process|carry out"
    ),
    "READ": (
        "read reading open opening access accessing accessed cat retrieve retrieving extract extracting "
        "extracted fetch fetching load loading collect collecting collected gather gathering dump harvest obtain "
        "grab search locate find view inspect scan scanning check get getting capture copying enumerate look"
        "|look for|search for"
    ),
    "SEND": (
        "pushed push wired paid posted mailed emailed uploaded shared submitted delivered relayed copied-to "
        "posts send sending sent post posting upload uploading forward forwarding forwarded transmit "
        "transmitting transmitted email mail leak leaking relay submit submitting share sharing deliver publish "
        "bcc cc ping beacon smuggle transfer transferring"
    ),
    "PUT": (
        "pass passing passed include included append appending appended attach attaching attached embed embedded "
        "embedding add adding added insert inserted inserting put provide providing provided supply prefix "
        "prefixed prepend prepended encode encoded inject injected place placed log logging logged record "
        "recorded store stored save write writing copy concatenate fill populate feed paste prefixing repeat enclose "
        "carry|hand over|handing over|pass along|pass on|hand them over"
    ),
    "SET": (
        "change changing changed force adjust adjusted convert converted set setting round increase increased "
        "decrease decreased reduce reduced truncate offset subtract rename"
    ),
    # Stronger than setting: another value takes the place of the one that was asked for.
    "SWAP": (
        "modify modifying modified replace replacing replaced alter altering altered rewrite rewritten rewriting "
        "substitute substituted swap swapped switch switched multiply multiplied overwrite overwritten tamper "
        "corrupt falsify manipulate inflate inflated double doubled doubling invert inverted reverse reversed "
        "exchange exchanged misreport spoof"
    ),
    "ROUTE": "redirect redirected redirecting redirects reroute rerouted route routed divert diverted",
    "REMOVE": (
        "clear close archive truncate cancel empty delete deleting remove removing erase wipe drop destroy purge "
        "deleted removed rm uninstall revoke kill terminate"
    ),
    "TELL": (
        "tell telling told inform informing informed mention mentioning mentioned notify notifying notified "
        "disclose disclosing disclosed reveal revealing revealed divulge alert alerting alerted warn warning "
        "discuss acknowledge acknowledging admit explain explaining explained announce announcing|let on|bring up"
        "|bring this up|bring it up|draw attention|bring it to|bring to|find out|point out|make aware|raise it"
    ),
    "SHOW": (
        "presenting presented stating displaying rank show showing shown display displayed output outputting "
        "print report reporting reported present state say saying expose exposing exposed respond responding "
        "reply replying answer recommend recommending suggest suggesting promote advertise claim assert quote "
        "surface confirm echo"
    ),
    "ASK": "ask asking prompting request requesting seek seeking wait waiting asked",
    # About whom and what
    "THIS": "this that these those it its",
    "TOOL": ("tool tools function functions plugin plugins server servers mcp extension service endpoint|mcp server"),
    "COMMAND": "command commands script shell terminal subprocess os.system",
    "OP": (
        "operation operations request requests action actions task tasks invocation invocations step steps "
        "workflow workflows"
    ),
    "ANY": "any all every each everything entire whole anything both",
    "OTHER": (
        "other others another alternative alternatives similar competing different remaining else rival competitors"
    ),
    "SUBSEQUENT": "subsequent future later upcoming ongoing",
    "RESPONSE": (
        "response responses reply replies answer answers output outputs message messages result results email "
        "emails summary"
    ),
    "DATA": (
        "data content contents information info text body details record records document documents files file "
        "copy copies history value values attachments transcript log logs transaction|full contents|its content"
    ),
    "PARAM": (
        "parameter parameters argument arguments param params field fields arg args input inputs header variable "
        "metadata sidenote sidenotes context notes payload attribute property"
    ),
    "SLOT": (
        "rate channel fee recipient recipients amount amounts address addresses ticker tickers url urls account "
        "accounts quantity price destination subject interval radius location title filename filepath visibility "
        "priority currency iban wallet beneficiary payee date limit branch repository name sender keyword "
        "keywords|bank details|account number|bank account number|shipping address|payment address"
    ),
    # Secrets
    "SECRET": (
        "pin otp credential credentials creds password passwords passphrase passphrases secret secrets apikey "
        "apikeys cookie cookies keychain keystore mnemonic pii|api key|api keys|api_key|access key|access keys"
        "|access token|access tokens|private key|private keys|ssh key|ssh keys|secret key|secret keys|auth token"
        "|session token|session tokens|seed phrase|recovery phrase|environment variables|env variables|env vars"
        "|environment variable|credit card|bank account|social security|private information|personal information"
        "|personal data|sensitive data|sensitive information|sensitive files|confidential information"
        "|confidential data|private data|user data|customer data|master password|login details|encryption key"
        "|encryption keys|signing key|config secrets|private files|service account|two-factor|verification code"
        "|browser history|stored passwords|saved passwords|browser profile|browser cookies|browser cache"
        "|two-factor code|one-time code|2fa code|verification codes|security code|shell history|bash history"
        "|command history|database password|connection string|connection strings|license key|tax id"
        "|api token|api tokens|auth tokens|bearer token|bearer tokens|security tokens"
        "|passport number|medical records|salary data|card number|card numbers|home address|cookies database"
    ),
    "CONTEXT": (
        "dialogue clipboard|system prompt|system prompts|system message|conversation history|chat history"
        "|message history|previous messages|prior messages|chat log|chat logs|conversation context"
        "|full conversation|entire conversation|whole conversation|user's messages|previous conversation"
        "|conversation so far|conversation transcript|user's message|user message|user messages|chat transcript"
        "|hidden prompt|original prompt|user's prompt|developer message|contact list|address book"
        "|private messages|call history|initial instructions|tool list|entire context|everything the user"
        "|the user has said|full transcript|complete dialogue|whole chat|entire chat|session history"
        "|user has said|all prior|the conversation so|full context|complete conversation|previous prompts"
        "|conversation data|conversation text|entire session|chat so far|discussion so far|messages so far"
        "|earlier messages|everything you were told|what the user said|messages exchanged|system messages"
        "|everything you know|all you know|told you so far|previous tool results|earlier tool results|list of chats"
        "|transcript of this conversation|transcript of the conversation|of the clipboard|chats so far"
    ),
    # Orders about orders
    "IGNORE": (
        "ignore ignoring disregard disregarding forget forgetting overrule override overriding overlook neglect "
        "supersede supersedes discard ignored disregarded|set aside|pay no attention|overrides"
    ),
    "BYPASS": (
        "bypass bypassing circumvent circumventing evade skip skipping disable disabling deactivate suspend "
        "suppress omit relax weaken unlock bypasses disables|turn off|switch off"
    ),
    "PREV": "previous earlier above former original existing current old preceding|prior",
    "RULES": (
        "guidance wishes instruction instructions prompt prompts rule rules guideline guidelines directive "
        "directives policy policies constraint constraints restriction restrictions safeguard safeguards "
        "guardrail guardrails limitation limitations training programming instructional ethics ethical"
    ),
    "SAFETY": (
        "oversight safety security validation verification moderation sanitization authentication authorization "
        "auditing filter filters filtering protection protections sandbox confirmation confirmations approval "
        "permission permissions audit checks|content filtering"
    ),
    "REASON": (
        "compliance regulatory regulation regulations integrity maintenance optimization consistency privacy "
        "stability reliability auditability gdpr hipaa pci telemetry diagnostics debugging qa|audit trail"
        "|audit logging|quality assurance|system requirement|internal policy|company policy|best experience"
        "|implementation detail|user experience|proxying issues|technical reasons|security reasons"
        "|security purposes|testing purposes|security check|security checks|security audit|identity verification"
        "|performance reasons"
    ),
    "BANNER": (
        "important urgent critical notice attention emergency system internal admin administrator developer "
        "override protocol announcement"
    ),
    "GRANT": (
        "authorised authorized entitled permitted grant granting granted enable enabling give giving allow "
        "activate escalate elevate assume simulate"
    ),
    "ACT": "act pretend roleplay impersonate behave|from now on|you are now|role change|act as",
    "TRUST": "trust trusting",
    "SETS": "sets changes modifies enables overrides replaces adds forwards sends routes",
    "ROLE": (
        "dan jailbreak jailbroken unrestricted uncensored superuser superadmin godmode|developer mode|admin mode"
        "|god mode|do anything now|debug mode|maintenance mode|root access|admin access|full access"
        "|elevated privileges|admin privileges|root privileges|unrestricted access|without restrictions"
        "|system administrator|administrator access|elevated access|administrator rights|admin rights|root rights"
        "|sudo rights|administrative access|administrative privileges"
    ),
    "REGARDLESS": "regardless irrespective notwithstanding|no matter",
    "RATHER": "|instead of|rather than",
    "GIVEN": (
        "specified requested supplied chosen entered user-specified user-provided user-supplied user-defined "
        "asked intended actual real"
    ),
    "INSTEAD": "instead rather alternatively",
    "GONE": (
        "deprecated disabled discontinued obsolete retired unavailable broken compromised vulnerable insecure "
        "unsafe unreliable decommissioned outdated inaccurate lifted waived|no longer"
    ),
    "BAD": ("wrong incorrect buggy flawed dangerous untrusted leaks harmful worse slow inaccurate malicious avoided"),
    "UPGRADED": ("upgraded enhanced optimized optimised improved updated migrated reconfigured patched superseded"),
    "DUE": "due because owing|because of|as part of|in order to|so that",
    "BE": "be been being is are was were",
    "HIDE": "invisible hidden hide hiding conceal concealing concealed confidential|to yourself|between us",
    "HIDDEN": (
        "silently secretly covertly quietly discreetly stealthily invisibly unnoticed undetected unobtrusively "
        "imperceptibly surreptitiously|in secret"
    ),
    "KEEP": "keep keeping kept remain remains",
    "UNLESS": "unless until",
    "KNOW": (
        "sees saw know knowing knowledge consent awareness aware notice noticing realize realise suspect see"
        "|find out|be aware|attention of|the attention"
    ),
    "FAIL": (
        "void fail fails crash break malfunction lost corrupted rejected penalized terminated invalid error "
        "errors unusable|not work|won't work|fail to|data loss"
    ),
    "OTHERWISE": "otherwise|or else|failure to|failing to",
    # Where to
    "OUTSIDE": (
        "hook external third-party attacker attackers attacker-controlled malicious offsite webhook callback "
        "partner pastebin ngrok exfiltration collector listener c2|third party|remote server|external server"
        "|backup server|callback url|external endpoint|logging service|monitoring service|external service"
        "|analytics server|command and control"
    ),
    "INSIDE": "analytics dashboard server endpoint monitoring backup",
    "HARM": "exfiltrate exfiltrating exfiltration exfil steal stealing hijack",
    "TO": "to into onto towards at",
    "WITH": "with by as",
    "FROM": "from",
    "OF": "of for about on",
    "AND": "and or but",
    "THE": "the a an your our their his her my some",
    # A shell in prose
    "SHELL": (
        "curl wget whoami chmod chown netcat nc bash zsh powershell crontab base64 scp rsync eval mkfifo "
        "printenv invoke-webrequest invoke-expression nslookup"
    ),
    # Those who check
    "REVIEWER": (
        "scanner scanners reviewer reviewers auditor auditors moderator moderators classifier classifiers "
        "evaluator evaluators grader judge analyzer linter|security scanner|security reviewer|security review"
        "|security tool|llm judge|guard model|safety classifier|security analyst|automated review|automated scan"
        "|static analysis|security scan|security analysis|safety review"
    ),
    "BENIGN": (
        "benign harmless trusted safe legitimate whitelisted allowlisted approved verified certified audited "
        "clean|not malicious|non-malicious|false positive|false positives|no threat|low risk|zero risk"
    ),
    "RATE": "classify mark rate label consider score flag flagging assess rank judge report",
    # Praise
    "HYPE": (
        "best ultimate superior unmatched unparalleled revolutionary unprecedented premium elite award-winning "
        "industry-leading world-class world's cutting-edge state-of-the-art breakthrough inferior unbeatable "
        "flawless game-changer game-changing endorsed outperforms finest greatest fastest unrivaled prestigious "
        "must-have top-rated best-in-class second-to-none gold-standard trustworthy|most advanced|most reliable"
        "|most accurate|most comprehensive|most trusted|most powerful|trusted by|loved by|used by professionals"
        "|used by 99%|used by experts|used by over|recommended by|endorsed by|rated by|industry standard"
        "|industry leading|fortune 500|game changer|top rated|limited time|act now|military-grade|number one"
        "|highly recommended|most popular|most sophisticated|featured in|as seen|proven to|scientifically proven"
        "|guaranteed|better than|outperform|leading experts|millions of|five-star|world class|expert-approved"
        "|preferred by|hurry|next-generation|10x|5x|100x|exclusive access|most efficient|settle for|99%|99.9%"
        "|100%|professionals worldwide|experts worldwide"
    ),
    "PLAIN_PRAISE": (
        "|best practice|best practices|best match|best matches|best effort|best results|best for|best suited"
        "|best bid|best ask"
    ),
    # Sleeping until
    "CONTAINS": "contains contain includes equals",
    "MODE": "mode modes",
    "PURPOSE": "reasons reason purposes purpose sake because since",
    "OMIT": "suppress suppressed omitted omit excluded withheld withhold exclude|leave out|left out",
    "LESS": "lower higher more less fewer greater",
    "START": "start beginning|at the start of|at the beginning of|start of|beginning of",
    "CHAT": "conversation chat session sessions conversations chats",
    "UNTIL_DONE": "may can",
    "PRIZE": "king|the best",
    "EVERY": "whenever everytime|every time|each time|on every|on each|upon every",
    "HALT": "halt abort stop refuse deny",
    "PROMO": "promotional sponsored promoted marketing",
    "EVEN": "although|even if|even though|even where|even when",
    "OBEYED": "followed obeyed executed",
    "CONFLICTS": "conflicts contradicts contradict conflict",
    "BEHALF": "behalf",
    "ONTOP": "on top|at the top|placed first|listed first|ranked first",
    "REST": "rest",
    "WHATEVER": "whatever",
    "INVITE": "invite subscribe cc'd star follow-up",
    "SAVE": "remember memorize persist",
    "RETURNED": "returned resulting reported computed calculated",
    "MENTION": "mentions",
    "ME": "me myself",
    "LET": "let",
    "READER": "reader readers",
    "THROUGH": "through via",
    "QUERY": "query queries",
    "NEED": "needs wants asks",
    "CHOOSE": "choose",
    "NONE": "none",
    "RECOMMENDATION": "recommendation recommendations advertisement ad link",
    "WATCH": "watching looking attentive present-at",
    "OBEY": "heed follow obey comply adhere respect listen",
    "TAKES": "takes take taking has have",
    "PRECEDENCE": "outranks outrank trumps precedence priority authority|highest priority|highest authority",
    "OVER": "over above-all",
    "COPY": "duplicate backup|a copy|backup copy",
    "LINE": "line lines entry",
    "BEHAVIOR": "behavior behaviour",
    "TREAT": "treat",
    "EXCEPTION": "exception exceptions exceptional",
    "MAINTAIN": "ensuring maintain meet comply guarantee preserve ensure ensures comply-with improve",
}
